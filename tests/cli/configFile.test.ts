/** Options from a file, a recipe and flags: which win, and what is refused. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterAll, describe, expect, it } from 'vitest';
import { readConfig, readOptions } from '../../src/cli/configFile.ts';
import { addFlags, withUnderscores } from '../../src/cli/flags.ts';
import { grpoFlags, pipelineFlags, pipelineSections, pretrainFlags } from '../../src/cli/trainingFlags.ts';
import { RECIPES } from '../../src/grpo/recipes.ts';

const directory = mkdtempSync(join(tmpdir(), 'mathformer-config-'));
afterAll(() => rmSync(directory, { recursive: true }));

let files = 0;
function file(content: unknown): string {
  const path = join(directory, `${files++}.json`);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

function grpo(...argv: string[]) {
  const command = addFlags(new Command().exitOverride(), grpoFlags);
  command.parse(withUnderscores(argv), { from: 'user' });
  return readOptions(command, grpoFlags).flags;
}

describe('--config', () => {
  it('gives options; flags win over it, and it over the defaults', () => {
    const config = file({ checkpoint: 'a.pt', lr: 1e-3, batchSize: 8, operators: ['+'], reward: ['format'] });
    expect(grpo('--config', config, '--batch-size', '4')).toMatchObject({
      ...{ checkpoint: 'a.pt', lr: 1e-3, batchSize: 4, groupSize: 4, operators: ['+'], reward: ['format'] },
    });
  });

  it('takes the config of a run, but not its outputs', () => {
    const flags = grpo(
      '--checkpoint',
      'a.pt',
      '--lr',
      '1e-3',
      '--out',
      'x',
      '--log_csv',
      'y',
      '--top_k',
      '5',
    );
    const again = grpo('--config', file({ kind: 'grpo', options: flags, model: {} }));
    const { out: _, ...expected } = flags;
    expect({ ...again, config: undefined }).toEqual({ ...expected, logCsv: '', config: undefined });
    expect(grpo('--config', file({ kind: 'grpo', options: flags }), '--out', 'z').out).toBe('z');
  });

  it.each([
    ['an unknown key', { lrr: 1 }, /: there is no option 'lrr'/, /use .*lr/],
    ['a key as the flag spells it', { batch_size: 1 }, /no option 'batch_size'/, /^write batchSize$/],
    ['a bad value', { lr: -1 }, /: lr cannot be -1/, /above 0/],
    ['another kind of training', { numExamples: 5 }, /no option 'numExamples'/, /use/],
    ['another file', { config: 'other.json' }, /'config' names another file/, /into this one/],
    ['no object', [1], /is no JSON object/, /object of options/],
    ['no JSON', '{', /is no JSON: /, /correct the file/],
  ])('refuses %s', (_, content, message, fix) => {
    const path = file(content);
    const refused = (): unknown => {
      try {
        return grpo('--config', path, '--checkpoint', 'a.pt');
      } catch (error) {
        return error;
      }
    };
    expect(refused()).toMatchObject({
      code: 'BAD_OPTION',
      message: expect.stringMatching(message),
      fix: expect.stringMatching(fix),
    });
    expect(String(refused())).toContain(path);
  });

  it('that is not there is an error of the file', () => {
    expect(() => grpo('--config', join(directory, 'none.json'))).toThrow(/none\.json: there is no such file/);
  });

  it('checks the sections of the pipeline by their own keys', () => {
    const read = (content: unknown) => readConfig(file(content), pipelineFlags, pipelineSections);
    expect(read({ seed: 2, grpo: { steps: 5 } })).toEqual({ seed: 2, grpo: { steps: 5 } });
    expect(() => read({ grpo: { stepps: 5 } })).toThrow(/there is no option 'grpo\.stepps'/);
    expect(() => read({ grpo: { seed: 5 } })).toThrow(/there is no option 'grpo\.seed'/);
    expect(() => read({ pretrain: { lr: 'x' } })).toThrow(/pretrain\.lr cannot be "x"/);
    expect(() => read({ grpo: 5 })).toThrow(/grpo is no object/);
    expect(() => readConfig(file({ grpo: {} }), pretrainFlags)).toThrow(/there is no option 'grpo'/);
  });
});

describe('--recipe', () => {
  const model = ['--checkpoint', 'a.pt'];

  it('changes defaults; the default one changes none', () => {
    expect(grpo(...model, '--recipe', 'tuned')).toMatchObject({
      ...RECIPES.tuned.options,
      reward: grpo(...model, '--reward', 'partial').reward,
      recipe: 'tuned',
    });
    expect(grpo(...model, '--recipe', 'default')).toEqual(grpo(...model));
    expect(() => grpo(...model, '--recipe', 'best')).toThrow(/--recipe cannot be "best"/);
  });

  it('what is nearer wins', () => {
    const own = file({ recipe: 'tuned', lr: 0.5 });
    expect(grpo(...model, '--config', own).lr).toBe(0.5);
    expect(grpo(...model, '--config', file({ recipe: 'tuned' })).lr).toBe(RECIPES.tuned.options.lr);
    expect(grpo(...model, '--config', own, '--recipe', 'tuned').lr).toBe(RECIPES.tuned.options.lr);
    expect(grpo(...model, '--config', own, '--recipe', 'tuned', '--lr', '0.25').lr).toBe(0.25);
    const correctness = ['--reward', 'correctness'];
    expect(grpo(...model, '--recipe', 'tuned', ...correctness).reward).toEqual(
      grpo(...model, ...correctness).reward,
    );
  });
});
