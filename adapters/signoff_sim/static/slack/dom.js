// Builds elements. Text only ever enters as text nodes, so nothing a message says can become markup.

export function h(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "class") node.className = value;
    else if (name === "value" || name === "checked" || name === "selected") node[name] = value;
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

let count = 0;

export function newId(prefix) {
  count += 1;
  return `${prefix}-${count}`;
}

// A web address a person may follow; anything else stays text.
export function safeUrl(url) {
  return /^(https?:|mailto:)/i.test(String(url).trim()) ? String(url).trim() : null;
}
