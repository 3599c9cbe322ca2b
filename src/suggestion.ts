/** Finds the name that somebody meant: by PyTorch's and NumPy's names, by spelling, or by the fewest letters changed. */
import { distance } from 'fastest-levenshtein';

/** What others call what is named here; spelling of words (`keep_dim`, `keepDim`) does not matter. */
const SYNONYMS: Readonly<Record<string, readonly string[]>> = {
  dim: ['axis', 'axes'],
  dims: ['axes', 'axis'],
  axis: ['axes'],
  axes: ['axis'],
  keepdim: ['keepDims'],
  iscausal: ['causal'],
  attnmask: ['mask'],
  attentionmask: ['mask'],
  unbiased: ['correction'],
  ddof: ['correction'],
  betas: ['beta1', 'beta2'],
  epsilon: ['eps'],
  maxnorm: ['gradClip', 'maxNorm'],
  maxgradnorm: ['gradClip'],
  clipnorm: ['gradClip'],
  wd: ['weightDecay'],
  size: ['shape'],
  type: ['dtype'],
  k: ['topK'],
  maxnewtokens: ['maxNew'],
  maxtokens: ['maxNew'],
  maxlength: ['maxNew'],
  numreturnsequences: ['groupSize'],
  numgenerations: ['groupSize'],
  n: ['groupSize'],
  argnums: ['inputs'],
};

const plain = (name: string): string => name.replace(/[_-]/g, '').toLowerCase();

/** The one of `names` that `given` most likely means, if any is near. */
export function nearest(given: string, names: readonly string[]): string | undefined {
  const same = names.find((name) => plain(name) === plain(given));
  if (same !== undefined) return same;
  const synonym = SYNONYMS[plain(given)]?.find((name) => names.includes(name));
  if (synonym !== undefined) return synonym;
  const [best] = names
    .map((name) => ({ name, changes: distance(plain(name), plain(given)) }))
    .filter(({ name, changes }) => changes <= Math.max(1, Math.floor(name.length / 3)))
    .sort((a, b) => a.changes - b.changes);
  return best?.name;
}
