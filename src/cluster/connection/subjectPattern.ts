/** Patterns of subjects: `*` stands for one token, `>` at the end for one or more. */

/** Tell whether each subject that fits `inner` also fits `outer`. */
export function covers(outer: string, inner: string): boolean {
  const [wide, narrow] = [outer.split('.'), inner.split('.')];
  for (const [i, token] of wide.entries()) {
    if (token === '>') return narrow.length > i;
    const other = narrow[i];
    if (other === undefined || other === '>' || (token !== '*' && token !== other)) return false;
  }
  return narrow.length === wide.length;
}

/** Tell whether some subject fits both patterns. */
export function overlap(one: string, other: string): boolean {
  const [a, b] = [one.split('.'), other.split('.')];
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const [x, y] = [a[i], b[i]];
    if (x === undefined || y === undefined) return false;
    if (x === '>' || y === '>') return true;
    if (x !== y && x !== '*' && y !== '*') return false;
  }
  return true;
}
