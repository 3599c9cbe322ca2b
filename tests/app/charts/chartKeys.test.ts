import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pressed } from '../../../app/src/charts/chartKeys.ts';

const places = Float64Array.from({ length: 1000 }, (_, i) => 10 * (i + 1));
const all = { places, cursor: undefined, zoom: undefined };

describe('keys of a chart', () => {
  it('begin at the end to the left, at the start to the right', () => {
    expect(pressed('ArrowLeft', all)?.cursor).toBe(10_000);
    expect(pressed('ArrowRight', all)?.cursor).toBe(10);
  });

  it('move by one point where few are shown, by more where many are', () => {
    const few = { places, cursor: 500, zoom: { from: 400, to: 1000 } };
    expect(pressed('ArrowRight', few)?.cursor).toBe(510);
    expect(pressed('ArrowLeft', few)?.cursor).toBe(490);
    expect(pressed('ArrowRight', { ...all, cursor: 500 })?.cursor).toBe(550);
  });

  it('go to the ends of what is shown', () => {
    const view = { places, cursor: 500, zoom: { from: 405, to: 995 } };
    expect(pressed('Home', view)?.cursor).toBe(410);
    expect(pressed('End', all)?.cursor).toBe(10_000);
  });

  it('zoom about the cursor, and out again', () => {
    const closer = pressed('+', { ...all, cursor: 5000 });
    expect(closer?.zoom).toEqual({ from: 2505, to: 7500 });
    expect(pressed('-', { places, cursor: 5000, zoom: closer?.zoom })?.zoom).toBeUndefined();
    expect(pressed('0', { places, cursor: 5000, zoom: closer?.zoom })).toEqual({
      cursor: 5000,
      zoom: undefined,
    });
    expect(pressed('Escape', { places, cursor: 5000, zoom: closer?.zoom })).toEqual({});
  });

  it('leave other keys alone, and all keys without points', () => {
    expect(pressed('a', all)).toBeUndefined();
    expect(pressed('ArrowLeft', { ...all, places: new Float64Array() })).toBeUndefined();
  });

  it('keep the cursor on a point that is shown, within the limits', () => {
    const keys = fc.array(
      fc.constantFrom(
        'ArrowLeft',
        'ArrowRight',
        'PageUp',
        'PageDown',
        'Home',
        'End',
        '+',
        '-',
        '0',
        'Escape',
      ),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(keys, (pressedKeys) => {
        let view: Parameters<typeof pressed>[1] = all;
        for (const key of pressedKeys) {
          view = { places, ...(pressed(key, view) ?? view) };
          const { cursor, zoom } = view;
          if (cursor !== undefined) expect(places).toContain(cursor);
          if (zoom) {
            expect(zoom.from).toBeGreaterThanOrEqual(10);
            expect(zoom.to).toBeLessThanOrEqual(10_000);
            expect(zoom.from).toBeLessThan(zoom.to);
            if (cursor !== undefined && key.startsWith('Arrow')) {
              expect(cursor).toBeGreaterThanOrEqual(zoom.from);
              expect(cursor).toBeLessThanOrEqual(zoom.to);
            }
          }
        }
      }),
    );
  });
});
