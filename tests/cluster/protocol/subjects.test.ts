/** Names on the server. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  isToken,
  OPEN_KEY,
  RunSubjects,
  streamsOf,
  workerName,
  workerOf,
} from '../../../src/cluster/protocol/subjects.ts';
import { token } from '../arbitraryMessages.ts';

/** Tell whether a subject matches a pattern, as the server does: `*` is one token, `>` all that follow. */
function matches(pattern: string, subject: string): boolean {
  const [parts, tokens] = [pattern.split('.'), subject.split('.')];
  return (
    parts.every((part, i) =>
      part === '>' ? i < tokens.length : part === '*' ? tokens[i] !== undefined : part === tokens[i],
    ) &&
    (parts.at(-1) === '>' || parts.length === tokens.length)
  );
}

it('has subjects that their patterns match, of their own epoch and run alone', () => {
  fc.assert(
    fc.property(token, token, token, token, fc.nat(), fc.nat(), (run, key, instance, item, epoch, number) => {
      const subjects = new RunSubjects(run);
      const id = { key, instance };
      const result = subjects.result(id, epoch, item);
      const own = {
        work: subjects.work(epoch, number),
        policy: subjects.chunk(epoch, number, 3),
        result,
      };
      for (const kind of ['work', 'policy', 'result'] as const) {
        expect(matches(subjects.all[kind], own[kind])).toBe(true);
        expect(matches(subjects.ofEpoch(epoch)[kind], own[kind])).toBe(true);
        expect(matches(subjects.ofEpoch(epoch + 1)[kind], own[kind])).toBe(false);
        expect(matches(new RunSubjects(`${run}x`).all[kind], own[kind])).toBe(false);
      }
      expect(matches(subjects.version(epoch, number), own.policy)).toBe(true);
      expect(matches(subjects.version(epoch, number + 1), own.policy)).toBe(false);
      expect(matches(subjects.all.hello, subjects.hello(id))).toBe(true);
      expect(workerOf(result)).toEqual(id);
      expect(workerOf(subjects.hello(id))).toEqual(id);
      expect(workerOf(own.work)).toBeUndefined();
      expect(workerOf(own.policy)).toBeUndefined();
    }),
  );
});

it('takes nothing as a token that could be another subject', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      if (isToken(text)) expect(text).toMatch(/^[\w-]+$/);
    }),
  );
  for (const text of ['', '.', 'a.b', '*', '>', ' ', 'a\n', 'é', 'a'.repeat(65)])
    expect(isToken(text)).toBe(false);
  for (const text of ['a', 'A-_9', 'a'.repeat(64)]) expect(isToken(text)).toBe(true);
});

it('names streams by the run, and workers by key and instance', () => {
  expect(streamsOf('r')).toEqual({ policy: 'mf_r_policy', work: 'mf_r_work', result: 'mf_r_result' });
  expect(workerName({ key: OPEN_KEY, instance: 'i' })).toBe('i');
  expect(workerName({ key: 'UABCDEFGHIJK', instance: 'i' })).toBe('UABCDEFG.i');
});
