/** `12,345`, and no more digits behind the point than say something. */
export const count = (value: number): string =>
  value.toLocaleString('en', { maximumFractionDigits: value >= 10 || Number.isInteger(value) ? 0 : 1 });

const MIB = 2 ** 20;
export const mebibytes = (value: number): string =>
  `${(value / MIB).toLocaleString('en', { maximumFractionDigits: 1 })} MiB`;
