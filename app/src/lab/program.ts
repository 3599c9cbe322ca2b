/** The program that does in Node what the Lab does: shown on the page, and run by a test. */
import { fieldsOf, type Settings, valueIn } from './settings.ts';

/** Options of the Lab's display, which change nothing that is learnt. */
const SHOWN = ['traceInterval', 'traceGroups', 'keepLast', 'saveInterval'];

/** Return the program. */
export function programOf(settings: Settings, checkpoint: string | null): string {
  const { preset, task } = settings;
  const isPipeline = preset.kind === 'pipeline';
  const sections: Record<string, Record<string, unknown>> = {};
  const own: Record<string, unknown> = { task };
  for (const field of fieldsOf(settings)) {
    const value = valueIn(settings, field);
    const { key, default: standard } = field.option;
    if (value === undefined || JSON.stringify(value) === JSON.stringify(standard) || SHOWN.includes(key))
      continue;
    if (field.section === null) own[key] = value;
    else {
      sections[field.section] ??= {};
      Object.assign(sections[field.section] ?? {}, { [key]: value });
    }
  }
  return [
    ...(checkpoint === null ? [] : ["import { readFileSync } from 'node:fs';"]),
    "import { openDevice } from 'mathformer';",
    checkpoint === null
      ? "import { initialStateDict, modelConfig } from 'mathformer/model';"
      : "import { readCheckpoint } from 'mathformer/model';",
    `import { MemoryStore, machineOf, ${isPipeline ? 'recipeTask, ' : ''}trainAs } from 'mathformer/training';`,
    '',
    `const options = ${literal({ ...own, ...sections })};`,
    `const recipe = { kind: '${preset.kind}', options };`,
    ...modelLines(settings, checkpoint),
    'const summary = await trainAs(recipe, { model }, {',
    '  store: new MemoryStore(),',
    "  openMachine: async () => machineOf(await openDevice({ adapter: 'wasm' })),",
    '  on(event) {',
    "    if (event.type === 'row') console.log(event.row.phase, event.row.step, event.row.reward ?? event.row.loss);",
    '  },',
    '});',
    'console.log(summary.baseline?.accuracy, summary.final?.accuracy);',
    '',
  ].join('\n');
}

function modelLines(settings: Settings, checkpoint: string | null): string[] {
  if (checkpoint !== null) {
    return [`const model = () => readCheckpoint(readFileSync('${checkpoint}'), '${checkpoint}');`];
  }
  const seed = fieldsOf(settings).find(({ option }) => option.key === 'seed');
  const value = seed ? valueIn(settings, seed) : 0;
  return [
    'const { tokenizer } = await recipeTask(recipe);',
    "const config = modelConfig('tiny', { vocabSize: tokenizer.vocabSize });",
    `const model = () => ({ config, stateDict: initialStateDict(config, ${value}), metadata: new Map() });`,
  ];
}

/** Most characters of a line of the recipe. */
const LINE = 100;

/** Write plain data as a literal of JavaScript. The entries of the first level fill lines. */
function literal(value: unknown, depth = 0): string {
  if (Array.isArray(value)) return `[${value.map((each) => literal(each, 2)).join(', ')}]`;
  if (typeof value === 'string') return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
  if (typeof value !== 'object' || value === null) return String(value);
  const entries = Object.entries(value).map(([key, each]) => `${key}: ${literal(each, depth + 1)}`);
  return depth === 0 ? `{\n${filled(entries)}\n}` : `{ ${entries.join(', ')} }`;
}

/** Write entries one after another, and a new line where one is full. */
function filled(entries: readonly string[]): string {
  const lines: string[] = [];
  for (const entry of entries) {
    const last = lines.at(-1);
    const isFull = last === undefined || last.length + entry.length + 2 > LINE || entry.includes('\n');
    if (isFull) lines.push(`  ${entry},`);
    else lines[lines.length - 1] = `${last} ${entry},`;
  }
  return lines.join('\n');
}
