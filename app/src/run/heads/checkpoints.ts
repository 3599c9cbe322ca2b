/** The checkpoints of a run, in the order of training. */
import type { ListedFile } from 'mathformer/training';

/** A checkpoint whose weights are there. */
export interface KeptCheckpoint {
  /** Its name, such as `rl_model_step30`. */
  readonly name: string;
  /** The file of its weights. */
  readonly file: string;
  /** Another one if the file has another content: a run may be begun again in the same directory. */
  readonly version: string;
  /** Its name for people, such as `GRPO, step 30`. */
  readonly label: string;
}

const FINAL = 'rl_model_final';

/**
 * List checkpoints in the order of training.
 * @param manifest the content of `checkpoints/manifest.json`, which has the order; names stand in for what it lacks.
 */
export function keptCheckpoints(files: readonly ListedFile[], manifest: unknown): readonly KeptCheckpoint[] {
  const saved = namesIn(manifest);
  const versions = new Map(files.map(({ name, bytes, modified }) => [name, `${bytes} ${modified}`]));
  const names = files.flatMap(({ name }) => nameOf(name) ?? []);
  const listed = saved.filter((name) => names.includes(name));
  const others = names.filter((name) => !saved.includes(name)).toSorted((a, b) => placeOf(a) - placeOf(b));
  const all = [...listed, ...others.filter((name) => name !== FINAL)];
  // The last checkpoint of a finished run has the final weights, too.
  const isRepeated = others.includes(FINAL) && (all.at(-1)?.startsWith('rl_model_step') ?? false);
  const inOrder = others.includes(FINAL) ? [...(isRepeated ? all.slice(0, -1) : all), FINAL] : all;
  return inOrder.map((name) => {
    const file = `checkpoints/${name}.safetensors`;
    return { name, file, version: versions.get(file) ?? '', label: labelOf(name) };
  });
}

/** Return the name of the checkpoint whose weights a file holds; undefined for any other file. */
function nameOf(file: string): string | undefined {
  const [, name] = /^checkpoints\/([^/]+)\.safetensors$/.exec(file) ?? [];
  return name === undefined || name.endsWith('.optimizer') || /^(reference|version)-/.test(name)
    ? undefined
    : name;
}

function namesIn(manifest: unknown): string[] {
  const entries = field(manifest, 'checkpoints');
  if (!Array.isArray(entries)) return [];
  return entries.map((entry) => field(entry, 'name')).filter((name) => typeof name === 'string');
}

const field = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null
    ? Object.entries(value).find(([name]) => name === key)?.[1]
    : undefined;

const KINDS: readonly string[] = ['model_update', 'model_step', 'rl_model_step'];

function parsed(name: string): { readonly kind: number; readonly number: number } | undefined {
  const [, kind = '', digits = ''] = /^(\D+?)(\d+)$/.exec(name) ?? [];
  const index = KINDS.indexOf(kind);
  return index < 0 ? undefined : { kind: index, number: Number(digits) };
}

function placeOf(name: string): number {
  const found = parsed(name);
  return found ? found.kind * 1e12 + found.number : Number.MAX_VALUE;
}

function labelOf(name: string): string {
  if (name === FINAL) return 'final';
  const found = parsed(name);
  if (!found) return name;
  const { kind, number } = found;
  switch (KINDS[kind]) {
    case 'model_update':
      return number === 0 ? 'before pretraining' : `pretraining, step ${number}`;
    case 'model_step':
      return `pretraining, pass ${number}`;
    case 'rl_model_step':
      return number === 0 ? 'before GRPO' : `GRPO, step ${number}`;
    default:
      return name;
  }
}
