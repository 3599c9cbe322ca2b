/** A session is held at the checkpoint after the last step that it may take. */
import { expect, it } from 'vitest';
import { Gate } from '../../../app/src/lab/gate.ts';

/** Take steps as a session does, until it is held or all are taken; counts them. */
function session(gate: Gate, steps: number) {
  const taken: number[] = [];
  const work = (async () => {
    for (let step = 1; step <= steps; step++) {
      gate.stepped();
      taken.push(step);
      if (gate.wantsCheckpoint()) await gate.saved();
    }
    return 'finished';
  })();
  return { taken, work };
}

const settled = () => new Promise((resolve) => setTimeout(resolve));

it('takes the steps that are asked for, then one more, then the rest', async () => {
  let pauses = 0;
  const gate = new Gate(
    2,
    () => pauses++,
    () => 0,
  );
  const { taken, work } = session(gate, 5);
  await settled();
  expect([taken, pauses, gate.isHeld]).toEqual([[1, 2], 1, true]);
  gate.continue(1);
  await settled();
  expect([taken, pauses, gate.isHeld]).toEqual([[1, 2, 3], 2, true]);
  gate.continue(null);
  expect(await work).toBe('finished');
  expect([taken, pauses, gate.isHeld]).toEqual([[1, 2, 3, 4, 5], 2, false]);
});

it('finishes the step at hand before a pause', async () => {
  const gate = new Gate(
    null,
    () => undefined,
    () => 0,
  );
  expect(gate.wantsCheckpoint()).toBe(false);
  gate.pause();
  gate.stepped();
  expect(gate.wantsCheckpoint()).toBe(true);
  const held = gate.saved();
  expect(gate.isHeld).toBe(true);
  gate.continue(null);
  await held;
  expect(gate.wantsCheckpoint()).toBe(false);
});

it('wants a checkpoint every few seconds, which holds nothing', async () => {
  let now = 0;
  const gate = new Gate(
    null,
    () => expect.fail(),
    () => now,
  );
  now = 4999;
  expect(gate.wantsCheckpoint()).toBe(false);
  now = 5001;
  expect(gate.wantsCheckpoint()).toBe(true);
  await gate.saved();
  expect(gate.wantsCheckpoint()).toBe(false);
});
