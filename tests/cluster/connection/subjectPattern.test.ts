/** Patterns of subjects against all subjects of few tokens, and roles by permissions. */
import { createUser } from '@nats-io/nkeys';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { permissionsOf, ROLES, rolesOf } from '../../../src/cluster/connection/permissions.ts';
import { covers, overlap } from '../../../src/cluster/connection/subjectPattern.ts';

const LETTERS = ['a', 'b', 'c'];
/** All subjects of up to five tokens. Patterns have up to three, so that these tell any two apart. */
const SUBJECTS = [1, 2, 3, 4, 5].flatMap((length) =>
  Array.from({ length: LETTERS.length ** length }, (_, n) =>
    Array.from({ length }, (_, i) => LETTERS[Math.floor(n / LETTERS.length ** i) % LETTERS.length]).join('.'),
  ),
);

/** The subjects that fit a pattern, by a regular expression. */
function fitting(pattern: string): Set<string> {
  const source = pattern.replaceAll('.', '\\.').replaceAll('*', '[^.]+').replace(/>$/, '.+');
  return new Set(SUBJECTS.filter((subject) => new RegExp(`^${source}$`).test(subject)));
}

// The letter c stands in no pattern: a star is more than all letters of the patterns.
const pattern = fc
  .tuple(fc.array(fc.constantFrom('a', 'b', '*'), { maxLength: 3 }), fc.boolean())
  .map(([tokens, isOpen]) => [...tokens.slice(0, isOpen ? 2 : 3), ...(isOpen ? ['>'] : [])])
  .filter((tokens) => tokens.length > 0)
  .map((tokens) => tokens.join('.'));

describe('patterns', () => {
  it('cover others if all subjects of these fit', () => {
    fc.assert(
      fc.property(pattern, pattern, (outer, inner) => {
        const wide = fitting(outer);
        expect(covers(outer, inner)).toBe([...fitting(inner)].every((subject) => wide.has(subject)));
      }),
      { numRuns: 500 },
    );
  });

  it('overlap if a subject fits both', () => {
    fc.assert(
      fc.property(pattern, pattern, (one, other) => {
        const also = fitting(other);
        expect(overlap(one, other)).toBe([...fitting(one)].some((subject) => also.has(subject)));
      }),
      { numRuns: 500 },
    );
  });
});

describe('roles', () => {
  const key = createUser().getPublicKey();

  it.each([
    ['worker', ['worker']],
    ['doctor', ['doctor']],
    // It owns all that is there.
    ['trainer', ROLES],
  ] as const)('permissions of a %s are enough for %j', (role, roles) => {
    expect(rolesOf(permissionsOf(role, key), key)).toEqual(roles);
    // Those of another user are enough for nothing: inboxes are one's own.
    expect(rolesOf(permissionsOf(role, key), createUser().getPublicKey())).toEqual([]);
  });

  it('no list allows everything, and a denied subject takes the roles that need it', () => {
    expect(rolesOf({}, key)).toEqual(ROLES);
    expect(rolesOf({ pub: { allow: ['>'] }, sub: { allow: ['>'] } }, key)).toEqual(ROLES);
    expect(rolesOf({ pub: { deny: ['$JS.API.STREAM.>'] } }, key)).toEqual(['doctor', 'worker']);
    expect(rolesOf({ pub: { deny: ['mf.who'] } }, key)).toEqual(['worker']);
    expect(rolesOf({ sub: { deny: ['_INBOX_*.>'] } }, key)).toEqual(['trainer', 'doctor', 'worker']);
    expect(rolesOf({ sub: { deny: ['>'] } }, key)).toEqual([]);
  });

  it('a worker without the right to answer cannot be found', () => {
    const { pub, sub } = permissionsOf('worker', key);
    expect(rolesOf({ ...(pub && { pub }), ...(sub && { sub }) }, key)).toEqual([]);
  });
});
