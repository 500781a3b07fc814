/**
 * A page with these texts between `<!-- NAME -->` and `<!-- /NAME -->`; what is there before goes. Throws where the
 * page has no such place.
 */
export function regionsFilled(page: string, regions: Readonly<Record<string, string>>): string {
  let filled = page;
  for (const [name, text] of Object.entries(regions)) {
    const [begin, end] = [`<!-- ${name} -->\n`, `<!-- /${name} -->`];
    const start = filled.indexOf(begin);
    const stop = filled.indexOf(end, start);
    if (start < 0 || stop < 0) throw new Error(`the page has no place for ${name}`);
    filled = `${filled.slice(0, start + begin.length)}\n${text.trim()}\n\n${filled.slice(stop)}`;
  }
  return filled;
}
