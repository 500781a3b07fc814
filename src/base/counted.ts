/** A number with its noun: `1 rule`, `14,148 rules`, `2 patches`. */
export const counted = (count: number, noun: string): string =>
  `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : /(ch|ss)$/.test(noun) ? 'es' : 's'}`;
