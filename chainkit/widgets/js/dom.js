// Elements made in one line: h("button", { class: "ck-button", onclick: act }, "Fit").

const SVG = "http://www.w3.org/2000/svg";

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
}

export const h = (tag, attributes = {}, ...children) => filled(document.createElement(tag), attributes, children);
export const s = (tag, attributes = {}, ...children) =>
  filled(document.createElementNS(SVG, tag), attributes, children);

// Words about two things, {a} and {b}; a name is text, whatever is in it.
export const named = (words, a, b) => words.replaceAll("{a}", () => a).replaceAll("{b}", () => b);

// A model's change, heard until the view is gone.
export function hear(model, cleanups, event, act) {
  model.on(event, act);
  cleanups.push(() => model.off(event, act));
}

export const SILENCE = "No answer yet: the kernel is busy, or was restarted. Then run this cell again.";

// Tells Python, and returns whether there is anybody to tell: nobody, once the page has restarted the kernel.
export function tell(model, message) {
  try {
    model.send(message);
    return true;
  } catch {
    return false;
  }
}

// Follows a pressed pointer until it is let go, lost, or Escape takes the drag back; returns what stops following.
export function follow(element, moved, ended) {
  const escaped = (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    ended(event);
  };
  const all = [
    [element, "pointermove", moved],
    [element, "pointerup", ended],
    [element, "pointercancel", ended],
    [window, "keydown", escaped],
  ];
  for (const [target, name, act] of all) target.addEventListener(name, act, true);
  return () => all.forEach(([target, name, act]) => target.removeEventListener(name, act, true));
}

// Gives the page a file to keep; nothing is written by the kernel.
export function download(name, content, type) {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const link = h("a", { href: url, download: name, hidden: "" });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

// Looks when an element gets another size; in a tab that is not open it has none.
export function sized(element, cleanups, look) {
  const observer = new ResizeObserver(look);
  observer.observe(element);
  cleanups.push(() => observer.disconnect());
}
