// The words on the screen, from the same catalogue as the templates: its address, or the few that a small page needs.

const given = document.documentElement.dataset.words;
const words = given.startsWith("{") ? JSON.parse(given) : await (await fetch(given)).json();

/** The text of a key; `{n}` chooses between one and other, `{state:state}` is the text of `state.<value>`. */
export function t(key, values = {}) {
  const text = words[key] ?? words[`${key}.${values.n === 1 ? "one" : "other"}`];
  if (text === undefined) return key;
  return text.replace(/\{(\w+)(?::(\w+))?\}/g, (place, name, prefix) => {
    if (!(name in values)) return place;
    return prefix ? t(`${prefix}.${values[name]}`) : values[name];
  });
}
