/** `inspect` describes checkpoints of any format, as text and as JSON. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { newModel } from '../../../src/cli/flags/modelFlags.ts';
import { writeHuggingFace } from '../../../src/formats/huggingFace/index.ts';
import { writeSafetensors } from '../../../src/formats/index.ts';
import { writeDirectoryAtomically } from '../../../src/runs/atomicDirectory.ts';
import { ARITHMETIC } from '../../../src/tasks/arithmetic/task.ts';
import { run } from '../inProcess.ts';
// Loaded before the tests, so that mutants of its tables are active in all of them.
import '../../../src/cli/commands/inspect.ts';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'mathformer-inspect-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

it('prints format, size, hash, model, metadata and a table', async () => {
  const { code, stdout, stderr } = await run('inspect', 'tests/fixtures/checkpoints/tiny.pt');
  expect(code, stderr).toBe(0);
  // From `wc -c` and `sha256sum`.
  const hash = '889d112ced95752256fa63f996c895195aa448b443492d684255f04046b93633';
  expect(stdout).toContain(`tiny.pt: torch-zip, 129633 bytes, SHA-256 ${hash}\n`);
  expect(stdout).toContain('\nModel: 2 layers, 32 dim, 128 hidden, 2 heads, vocabulary 57, dropout 0.05\n');
  expect(stdout).toMatch(/^Shape: mathformer \(bias true, /m);
  expect(stdout).toContain('\nParameters: 29113\nIt can be loaded.\nMetadata: model_type = tiny\n');
  expect(stdout).toMatch(/^tensor +dtype +shape +min +max +mean +std +non-finite$/m);
  expect(stdout).toMatch(
    /^blocks\.0\.alibi_slopes +F32 +\[2\] +0\.003906 +0\.06250 +0\.03320 +0\.02930 +0$/m,
  );
});

it('prints one document for a Hugging Face directory', async () => {
  const { config, stateDict } = newModel({ modelsize: 'tiny', shape: 'mpt' }, 0, ARITHMETIC);
  const path = join(directory, 'export');
  const metadata = new Map([['kind', 'test']]);
  writeDirectoryAtomically(path, writeHuggingFace({ config, stateDict, metadata }, ARITHMETIC));
  const { code, stdout, stderr } = await run('inspect', path, '--json');
  expect(code, stderr).toBe(0);
  const found = JSON.parse(stdout);
  expect(found).toMatchObject({ path, format: 'hugging-face', shape: 'mpt', parameters: 26_560, config });
  expect(found).toMatchObject({ problem: null, metadata: { kind: 'test', format: 'pt' } });
  expect(found.tensors).toHaveLength(14);
});

it('lets no name give orders to the terminal', async () => {
  const path = join(directory, 'hostile.safetensors');
  const data = Float32Array.of(1);
  const tensors = new Map([['\u001b[31m\u202ered', { dtype: 'F32' as const, shape: [1], data }]]);
  writeFileSync(path, writeSafetensors({ tensors, metadata: new Map([['a\nb', '\u001b]0;title\u0007']]) }));
  const { code, stdout } = await run('inspect', path);
  expect(code).toBe(0);
  expect(stdout).toContain('Model: not said');
  expect(stdout).toContain('It cannot be loaded: ');
  expect(stdout).toContain(String.raw`\u001b[31m\u202ered`);
  expect(stdout).toContain(String.raw`Metadata: a\u000ab = \u001b]0;title\u0007`);
  expect(stdout.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
});
