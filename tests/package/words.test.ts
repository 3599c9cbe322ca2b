/** Doc comments begin with a verb or a noun: a question word hides what a thing does. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const ROOMS = ['src', 'app', 'tests', 'bench', 'examples', 'experiments'];
/** The first word of a doc comment, in its first or second line. */
const QUESTION = /\/\*\*\s*(?:\n\s*\*\s*)?(What|How|Whether|Which)\b[^\n]*/g;

it('no doc comment begins with What, How, Whether or Which', () => {
  const files = ROOMS.flatMap((room) =>
    readdirSync(room, { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.tsx?$/.test(name))
      .map((name) => join(room, name)),
  );
  const found = files.flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(QUESTION)].map(([comment]) => `${file}: ${comment.trim()}`),
  );
  expect(files.length).toBeGreaterThan(500);
  expect(found).toEqual([]);
});
