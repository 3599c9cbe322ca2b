import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatRef,
  formatRoute,
  LESSONS,
  parseRef,
  parseRoute,
  type Route,
  RUN_PAGES,
  SOURCE_NAMES,
} from '../../../app/src/shell/routes.ts';

const text = fc.string({ minLength: 1, unit: fc.constantFrom(...'ab/,:&=?#% +.é✓') });
const ref = fc.record({ source: fc.constantFrom(...SOURCE_NAMES), id: text });
const parameters = (reserved: readonly string[]) =>
  fc.dictionary(
    text.filter((name) => !reserved.includes(name)),
    text,
    { noNullPrototype: true },
  );

const route: fc.Arbitrary<Route> = fc.oneof(
  fc.record({ page: fc.constant('lab' as const), settings: parameters([]) }),
  fc.record({
    page: fc.constant('runs' as const),
    filter: fc.string(),
    compare: fc.array(ref),
    view: parameters(['filter', 'compare']),
  }),
  fc.record({
    page: fc.constant('run' as const),
    run: ref,
    tab: fc.constantFrom(...RUN_PAGES),
    step: fc.option(fc.nat()),
    compare: fc.array(ref),
    view: parameters(['step', 'compare']),
  }),
  fc.record({ page: fc.constant('learn' as const), lesson: fc.integer({ min: 1, max: LESSONS }) }),
  fc.record({ page: fc.constant('lend' as const), server: fc.string() }),
  fc.constant({ page: 'gallery' as const }),
);

describe('routes', () => {
  it('come back from their address', () => {
    fc.assert(
      fc.property(route, (original) => {
        expect(parseRoute(formatRoute(original))).toEqual(original);
      }),
    );
  });

  it('survive the browser: an address is a fragment of a URL as it is', () => {
    fc.assert(
      fc.property(route, (original) => {
        const { hash } = new URL(formatRoute(original), 'http://localhost/');
        expect(parseRoute(hash)).toEqual(original);
      }),
    );
  });

  it('never throw for a damaged address', () => {
    fc.assert(fc.property(fc.string(), (hash) => void parseRoute(hash)));
  });

  it.each([
    ['#/lab?lr=0.001&loss=dapo', { page: 'lab', settings: { lr: '0.001', loss: 'dapo' } }],
    ['#/learn', { page: 'learn', lesson: 1 }],
    [
      '#/run/server/a%2Fb',
      {
        page: 'run',
        run: { source: 'server', id: 'a/b' },
        tab: 'overview',
        step: null,
        compare: [],
        view: {},
      },
    ],
    [
      '#/runs?compare=server/a/b,tab/c',
      {
        page: 'runs',
        filter: '',
        compare: [
          { source: 'server', id: 'a/b' },
          { source: 'tab', id: 'c' },
        ],
        view: {},
      },
    ],
  ])('reads %s', (address, expected) => expect(parseRoute(address)).toEqual(expected));

  it.each([
    '',
    '#/',
    '#/nothing',
    '#/learn/0',
    '#/learn/7',
    '#/run/nowhere/a',
    '#/run/tab/',
    '#/run/tab/%E0',
  ])('finds no page at %j', (address) => expect(parseRoute(address)).toBeUndefined());

  it('name a run in one string', () => {
    fc.assert(
      fc.property(ref, (run) => {
        expect(parseRef(formatRef(run))).toEqual(run);
      }),
    );
  });
});
