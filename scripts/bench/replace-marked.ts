/**
 * A page of Markdown with new text between `<!-- NAME -->` and `<!-- /NAME -->`, each on a line of its own. Throws when it
 * hasn't both.
 */
export function replaceMarked(page: string, name: string, text: string): string {
  const [start, end] = [`<!-- ${name} -->\n`, `<!-- /${name} -->\n`];
  const from = page.indexOf(start);
  const to = page.indexOf(end, from);
  if (from === -1 || to === -1) throw new Error(`no ${start.trim()} … ${end.trim()} in the page`);
  return `${page.slice(0, from + start.length)}\n${text.trim()}\n\n${page.slice(to)}`;
}
