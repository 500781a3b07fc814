/** Pieces of the plots. All are black text and plain colours on white, readable in the dark as well. */

export const COLOURS = ['#2563eb', '#d97706', '#059669', '#9333ea', '#dc2626', '#0891b2', '#6b7280'];

export function document(width: number, height: number, parts: readonly string[]): string {
  const size = `width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="sans-serif" font-size="12">`,
    rectangle(0, 0, width, height, '#ffffff'),
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}

export const rectangle = (x: number, y: number, width: number, height: number, colour: string): string =>
  `<rect x="${tenth(x)}" y="${tenth(y)}" width="${tenth(width)}" height="${tenth(height)}" fill="${colour}"/>`;

export const text = (x: number, y: number, content: string, anchor: 'start' | 'middle' | 'end' = 'start'): string =>
  `<text x="${tenth(x)}" y="${tenth(y)}" text-anchor="${anchor}" fill="#222">${escaped(content)}</text>`;

export const line = (x1: number, y1: number, x2: number, y2: number, colour: string, dashes = ''): string =>
  `<line x1="${tenth(x1)}" y1="${tenth(y1)}" x2="${tenth(x2)}" y2="${tenth(y2)}" stroke="${colour}"${
    dashes === '' ? '' : ` stroke-dasharray="${dashes}"`
  }/>`;

export const tenth = (value: number): string => String(Math.round(value * 10) / 10);

export const escaped = (content: string): string =>
  content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
