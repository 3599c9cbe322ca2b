/** Results of workers as the trainer takes them. */
import { expect, test, vi } from 'vitest';
import { writeResult } from '../../../src/cluster/protocol/result.ts';
import { resultHeaders } from '../../../src/cluster/protocol/resultHeaders.ts';
import { RunSubjects } from '../../../src/cluster/protocol/subjects.ts';
import { Intake, type IntakeOptions } from '../../../src/cluster/trainer/intake.ts';
import { Job } from '../../../src/cluster/trainer/job.ts';
import { splitCall } from '../../../src/cluster/trainer/workItems.ts';
import { totalOf } from '../../../src/cluster/trust/agreement.ts';
import type { Completion } from '../../../src/model/completions.ts';
import type { Transformer } from '../../../src/model/transformer.ts';

const EOS = 1;
const WORKER = { key: 'open', instance: 'one' };
const sampling = {
  ...{ groupSize: 1, maxNewTokens: 4, temperature: 1, topK: 0, topP: 1, minP: 0, seed: 0 },
  firstSequenceId: 0,
};
const completion: Completion = {
  ...{ prompt: 0, tokens: [2, EOS], logps: Float32Array.of(-1, -1), finished: true },
};

test('a worker whose result was refused without a lie may give another one once the item is given out again', async () => {
  const prompts = [[5]];
  const call = {
    prompts,
    sampling,
    model: {} as Transformer,
    local: { generate: vi.fn(), dispose: () => {} },
  };
  const job = new Job(0, call, splitCall(prompts, sampling, { maxPayload: 2 ** 20, vocabSize: 10 }));
  const [item] = job.items;
  if (!item) throw new Error('the job has no item');
  const problems = ['rounding', undefined];
  const rejected: string[] = [];
  const options: IntakeOptions = {
    ...{ shape: { vocabSize: 10, eos: EOS }, isExact: false },
    verifier: { check: async () => ({ problem: problems.shift(), figures: totalOf([]) }) },
    job: () => job,
    machine: ({ instance }) => ({ worker: instance, name: instance, class: 'c' }),
    isBanned: () => false,
    received: () => {},
    scored: () => {},
    taken: () => {},
    duplicate: () => {},
    rejected: (_id, _machine, { problem }) => void rejected.push(problem),
  };
  const intake = new Intake(options);
  const message = {
    subject: new RunSubjects('run').result(WORKER, 0, item.id),
    data: writeResult([completion]),
    headers: resultHeaders({ seconds: 1, deliveries: 1 }),
  };
  await intake.read(message);
  expect(rejected).toEqual(['rounding']);
  // The server repeats the message: it is known.
  await intake.read(message);
  expect(item.state).toBe('open');
  expect(problems).toEqual([undefined]);
  intake.forget({ id: `1${item.id}` });
  await intake.read(message);
  expect(item.state).toBe('open');
  intake.forget(item);
  await intake.read(message);
  expect(item).toMatchObject({ state: 'done', by: WORKER });
});
