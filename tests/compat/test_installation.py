"""``compat.install`` and ``compat.installed``: an adapter in place of its peer."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from tbimage import compat
from tests import readers
from tests.pipeline import children


def test_installing_imports_neither_numpy_nor_a_peer() -> None:
    children.run(
        """
        import sys
        from tbimage import compat
        assert not {"numpy", "torch", "tensorboardX"} & set(sys.modules)
        """
    )


def test_every_way_to_import_torchs_writer_finds_the_face(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    children.run(
        """
        import sys
        from tbimage import compat

        compat.install("torch")
        import torch.utils.tensorboard
        import torch.utils.tensorboard as module
        from torch.utils import tensorboard
        from torch.utils.tensorboard import FileWriter, SummaryWriter
        from torch.utils.tensorboard.summary import hparams
        from torch.utils.tensorboard.writer import SummaryWriter as of_writer

        assert module is tensorboard is torch.utils.tensorboard
        assert SummaryWriter is of_writer is module.SummaryWriter
        assert SummaryWriter is module.writer.SummaryWriter
        for each in (SummaryWriter, FileWriter, hparams):
            assert each.__module__.startswith("tbimage.compat.torch"), each
        assert "tensorboard" not in sys.modules  # it need not be installed
        with SummaryWriter(sys.argv[1]) as writer:
            writer.add_scalar("a", 1.0, 1)
        """,
        tmp_path,
    )
    assert set(readers.read_runs(tmp_path, "python")["."]) == {"a"}


@pytest.mark.slow
def test_exporters_of_the_peer_stay_importable(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("tensorboard")
    children.run(
        """
        import sys, warnings
        warnings.simplefilter("ignore")
        from tbimage import compat

        compat.install()
        import torch
        from torch.utils.tensorboard import SummaryWriter
        from torch.utils.tensorboard._utils import convert_to_HWC
        with SummaryWriter(sys.argv[1]) as writer:
            writer.add_graph(torch.nn.Linear(2, 2), torch.zeros(1, 2))
        """,
        tmp_path,
    )
    assert any(event.graph_def for event in readers.read_raw(tmp_path))


def test_a_peer_that_is_not_installed_is_not_needed(tmp_path: Path) -> None:
    children.run(
        """
        import sys

        class Missing:
            def find_spec(self, name, path=None, target=None):
                if name.partition(".")[0] in ("tensorboardX", "torch"):
                    raise ModuleNotFoundError(name)

        sys.meta_path.insert(0, Missing())
        from tbimage import compat

        compat.install()
        from tensorboardX import GlobalSummaryWriter, SummaryWriter
        import tensorboardX.summary
        with SummaryWriter(sys.argv[1]) as writer:
            writer.add_scalar("a", 1.0, 1)
        """,
        tmp_path,
    )
    assert set(readers.read_runs(tmp_path, "python")["."]) == {"a"}


@pytest.mark.slow
@pytest.mark.parametrize("loaded", [False, True])
def test_the_block_restores_all_names(loaded: bool) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("tensorboardX")
    children.run(
        """
        import sys, warnings
        warnings.simplefilter("ignore")
        import torch
        from tbimage import compat

        peers = ("torch.utils.tensorboard", "tensorboardX")
        def loaded():
            found = {n: m for n, m in sys.modules.items() if n.startswith(peers)}
            return found, getattr(torch.utils, "tensorboard", None)

        if sys.argv[1] == "True":
            import tensorboardX, torch.utils.tensorboard
        before = loaded()
        try:
            with compat.installed():
                with compat.installed("tensorboardx"):
                    from tensorboardX import SummaryWriter
                from torch.utils.tensorboard import SummaryWriter as OfTorch
                from tensorboardX import SummaryWriter as Again
                raise KeyError
        except KeyError:
            pass
        assert SummaryWriter is Again
        assert {SummaryWriter.__module__, OfTorch.__module__} == {
            "tbimage.compat.tensorboardx.writer", "tbimage.compat.torch.writer"
        }
        assert loaded() == before
        from tensorboardX import SummaryWriter
        from torch.utils.tensorboard import SummaryWriter as OfTorch
        assert "tbimage" not in SummaryWriter.__module__ + OfTorch.__module__
        """,
        loaded,
    )


@pytest.mark.slow
def test_lightnings_own_logger_uses_the_face(tmp_path: Path) -> None:
    if importlib.util.find_spec("lightning") is None:
        pytest.skip("could not import 'lightning'")
    children.run(
        """
        import sys, warnings
        warnings.simplefilter("ignore")
        from tbimage import compat

        compat.install()
        from lightning.fabric.loggers import TensorBoardLogger

        logger = TensorBoardLogger(sys.argv[1], name="", version="")
        logger.log_metrics({"a": 1.0}, 1)
        assert type(logger.experiment).__module__ == "tbimage.compat.torch.writer"
        logger.experiment.close()
        """,
        tmp_path,
    )
    assert "a" in readers.read_runs(tmp_path, "python")["."]


def test_an_unknown_face() -> None:
    before = dict(sys.modules)
    with pytest.raises(ValueError, match="faces must be among 'torch', 'tensorboardx', got 'tf'"):
        compat.install("torch", "tf")
    assert dict(sys.modules) == before
