// The one place that turns text into elements. The server made the text and escaped every word in it.

const policy = globalThis.trustedTypes?.createPolicy("newsroom", { createHTML: (html) => html });
const trusted = (html) => (policy ? policy.createHTML(html) : html);

/** The first element of a fragment, or null. */
export function parse(html) {
  const template = document.createElement("template");
  template.innerHTML = trusted(html);
  return template.content.firstElementChild;
}

/** A whole page of ours, as a document that runs nothing. */
export function parsePage(html) {
  return new DOMParser().parseFromString(trusted(html), "text/html");
}

/** An element with properties, data and children: `make("button", { className: "btn" }, "Toon")`. */
export function make(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  const { data, aria, ...plain } = properties;
  Object.assign(node, plain);
  Object.assign(node.dataset, data);
  for (const [name, value] of Object.entries(aria ?? {})) node.setAttribute(name === "role" ? name : `aria-${name}`, value);
  node.append(...children);
  return node;
}

/** An icon of the sprite in the page. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  svg.setAttribute("class", "i");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}
