"""Run a function at each place where a signal handler could run, one place after the other.

CPython runs a signal handler between two bytecodes, but not between any two: after a call, after a
jump backwards, and where a function begins (the eval breaker, ``Python/ceval.c``). Here each such
place in the source gets a call of a probe, which can do what a handler can: run anything, or raise.
"""

from __future__ import annotations

import ast
import contextlib
import inspect
import threading
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any

_PROBE = "__probe__"


class Interruption:
    """Calls ``handler`` at one place in the calls of this thread within the block.

    Args:
        place: The number of places before it.
        handler: May raise.

    Attributes:
        happened: Whether the handler was called.
    """

    def __init__(self, place: int, handler: Callable[[], object]) -> None:
        self._left = place
        self._handler = handler
        self._thread = threading.get_ident()
        self.happened = False

    def __enter__(self) -> Interruption:
        global _current
        _current = self
        return self

    def __exit__(self, *exception: object) -> None:
        global _current
        _current = None

    def come_to_a_place(self) -> None:
        if self.happened or threading.get_ident() != self._thread:
            return
        if self._left:
            self._left -= 1
            return
        self.happened = True
        self._handler()


class Ctrl_C(KeyboardInterrupt):  # noqa: N801
    """The interrupt of a test, which differs from a real Ctrl-C."""


def interrupt() -> None:
    """Raise the interrupt of a test."""
    raise Ctrl_C


_current: Interruption | None = None


def _probe(value: Any = None) -> Any:
    if _current is not None:
        _current.come_to_a_place()
    return value


class _Probing(ast.NodeTransformer):
    """Puts a probe at each place where a handler could run."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id == "super":
            return node
        return _call(node)

    def visit_With(self, node: ast.With) -> ast.AST:
        """Leaving a ``with`` block is a call, also when the function returns from within it."""
        self.generic_visit(node)
        return ast.Try([node], [], [], [ast.Expr(_call())])

    def visit_While(self, node: ast.While) -> ast.AST:
        self.generic_visit(node)
        node.body.insert(0, ast.Expr(_call()))
        return node

    def visit_For(self, node: ast.For) -> ast.AST:
        self.generic_visit(node)
        node.body.insert(0, ast.Expr(_call()))
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.body = [self.visit(statement) for statement in node.body]
        node.body.insert(0, ast.Expr(_call()))
        return node


def _call(*arguments: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(_PROBE, ast.Load()), list(arguments), [])


@contextlib.contextmanager
def probed(modules: Iterable[types.ModuleType]) -> Iterator[None]:
    """Put probes into all functions and methods of some modules within a block."""
    before = []
    for module in modules:
        vars(module)[_PROBE] = _probe
        for function, code in _pairs(module):
            before.append((function, function.__code__))
            function.__code__ = code
    try:
        yield
    finally:
        for function, code in before:
            function.__code__ = code


def _pairs(module: types.ModuleType) -> Iterator[tuple[types.FunctionType, types.CodeType]]:
    """Yield each function of a module, and its code with probes."""
    tree = ast.fix_missing_locations(_Probing().visit(ast.parse(inspect.getsource(module))))
    codes: dict[str, types.CodeType] = {}
    pending = [(compile(tree, module.__file__ or "", "exec"), "")]
    while pending:
        code, prefix = pending.pop()
        for each in code.co_consts:
            if isinstance(each, types.CodeType) and not each.co_name.startswith("<"):
                codes[prefix + each.co_name] = each
                pending.append((each, f"{prefix}{each.co_name}."))
    for owner in [module, *filter(inspect.isclass, vars(module).values())]:
        for member in vars(owner).values():
            function = member.fget if isinstance(member, property) else member
            if isinstance(function, types.FunctionType) and function.__module__ == module.__name__:
                probed = codes.get(function.__qualname__)
                if probed is not None and probed.co_freevars == function.__code__.co_freevars:
                    yield function, probed
