"use strict";

// Converts Markdown to elements. It knows the Markdown that TensorBoard's texts use: headings,
// emphasis, code, lists, quotes, tables, horizontal lines and links. All other text, also HTML,
// stays text.

const BLOCK_MARKS = /^(#{1,6}\s|```|>|\s*[-*+]\s|\s*\d+[.)]\s|(\*\s*){3,}$|(-\s*){3,}$)/;

/** Return a fragment for a text. */
function markdown(text) {
  const fragment = document.createDocumentFragment();
  fragment.append(...blocks(text.replaceAll("\r\n", "\n").split("\n"), 0));
  return fragment;
}

function blocks(lines, depth) {
  const made = [];
  let at = 0;
  while (at < lines.length) {
    const [block, next] = blockAt(lines, at, depth);
    if (block) made.push(block);
    at = next;
  }
  return made;
}

/** Return the block that begins at a line, and where the next block begins. */
function blockAt(lines, at, depth) {
  const line = lines[at];
  const heading = /^(#{1,6})\s+(.*)$/.exec(line);
  if (!line.trim()) return [null, at + 1];
  if (line.startsWith("```")) return codeBlock(lines, at);
  if (heading) return [element(`h${Math.min(heading[1].length + 3, 6)}`, {}, ...spans(withoutMarks(heading[2]))), at + 1];
  if (/^((\*\s*){3,}|(-\s*){3,})$/.test(line)) return [element("hr"), at + 1];
  if (line.startsWith(">") && depth < 5) return quote(lines, at, depth);
  if (/^\s*([-*+]|\d+[.)])\s/.test(line) && depth < 5) return list(lines, at, depth);
  if (line.includes("|") && isRuler(lines[at + 1] ?? "")) return table(lines, at);
  return paragraph(lines, at);
}

// In the next two functions, a regular expression alone would need quadratic time for long lines.

/** Remove the marks at the end of a heading, if there are any. */
function withoutMarks(text) {
  let end = text.length;
  while (text[end - 1] === "#") end--;
  return text.slice(0, end).trimEnd();
}

/** Tell whether a line is the line below the head of a table. */
const isRuler = (line) => line.includes("-") && /^[\s|:-]*$/.test(line);

function codeBlock(lines, at) {
  let end = at + 1;
  while (end < lines.length && !lines[end].startsWith("```")) end++;
  const code = lines.slice(at + 1, end).join("\n");
  return [element("pre", {}, element("code", {}, code)), end + 1];
}

function quote(lines, at, depth) {
  let end = at;
  while (end < lines.length && lines[end].startsWith(">")) end++;
  const inner = lines.slice(at, end).map((line) => line.replace(/^>\s?/, ""));
  return [element("blockquote", {}, ...blocks(inner, depth + 1)), end];
}

function list(lines, at, depth) {
  const ordered = /^\s*\d/.test(lines[at]);
  const mark = ordered ? /^(\s*)\d+[.)]\s+/ : /^(\s*)[-*+]\s+/;
  const indent = mark.exec(lines[at])?.[1].length ?? 0;
  const items = [];
  let end = at;
  while (end < lines.length && lines[end].trim()) {
    const found = mark.exec(lines[end]);
    if (found && found[1].length <= indent) items.push([lines[end].slice(found[0].length)]);
    else if (/^\s/.test(lines[end]) && items.length) items.at(-1).push(lines[end].replace(/^\s{1,4}/, ""));
    else break;
    end++;
  }
  const made = items.map(([first, ...rest]) =>
    element("li", {}, ...spans(first), ...(rest.length ? blocks(rest, depth + 1) : [])));
  if (!made.length) return paragraph(lines, at);
  return [element(ordered ? "ol" : "ul", {}, ...made), end];
}

function table(lines, at) {
  const cells = (line) => line.trim().replace(/^\||\|$/g, "").split("|").map((cell) => cell.trim());
  const row = (line, name) => element("tr", {}, ...cells(line).map((cell) => element(name, {}, ...spans(cell))));
  let end = at + 2;
  while (end < lines.length && lines[end].includes("|")) end++;
  const body = lines.slice(at + 2, end).map((line) => row(line, "td"));
  return [
    element("table", {}, element("thead", {}, row(lines[at], "th")), element("tbody", {}, ...body)),
    end,
  ];
}

function paragraph(lines, at) {
  let end = at + 1;
  while (end < lines.length && lines[end].trim() && !BLOCK_MARKS.test(lines[end])) end++;
  return [element("p", {}, ...spans(lines.slice(at, end).join("\n"))), end];
}

// Code, bold, italic, link. The first match becomes an element. Then the rest is searched again.
const SPAN = /`([^`]+)`|\*\*([^*]+)\*\*|__([^_]+)__|\*([^*\s][^*]*)\*|\b_([^_]+)_\b|!?\[([^\]]*)\]\(([^()\s]+)\)/;

function spans(text) {
  const made = [];
  let found;
  while ((found = SPAN.exec(text))) {
    const [all, code, bold, bold2, italic, italic2, label, address] = found;
    made.push(...lineBreaks(text.slice(0, found.index)));
    if (code !== undefined) made.push(element("code", {}, code));
    else if (bold ?? bold2) made.push(element("strong", {}, ...spans(bold ?? bold2)));
    else if (italic ?? italic2) made.push(element("em", {}, ...spans(italic ?? italic2)));
    else made.push(link(label, address, all));
    text = text.slice(found.index + all.length);
  }
  made.push(...lineBreaks(text));
  return made;
}

/** Make a link to a web or mail address. For others, such as "javascript:", return the source. */
function link(label, address, source) {
  if (!/^(https?:\/\/|mailto:)/i.test(address)) return source;
  return element("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, label || address);
}

// Two spaces at the end of a line become a line break.
function lineBreaks(text) {
  return text.split(/ {2,}\n/).flatMap((part, at) => (at ? [element("br"), part] : [part]));
}
