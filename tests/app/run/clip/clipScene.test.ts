/** The geometry of the picture of clipping. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sceneOf, ticksTo, valuesAt, xOf, yOf } from '../../../../app/src/run/clip/clipScene.ts';

const scenes = fc
  .record({
    width: fc.integer({ min: 200, max: 3840 }),
    x: fc.double({ min: 1e-4, max: 10, noNaN: true }),
    y: fc.double({ min: 1e-4, max: 10, noNaN: true }),
  })
  .map(({ width, x, y }) => sceneOf(width, 460, { x, y }));
const share = fc.double({ min: -1, max: 1, noNaN: true });

describe('places', () => {
  test('and values are each other’s inverse', () => {
    fc.assert(
      fc.property(scenes, share, share, (scene, a, b) => {
        const [logRatio, advantage] = [a * scene.extent.x, b * scene.extent.y];
        const values = valuesAt(scene, xOf(scene, logRatio), yOf(scene, advantage));
        expect(values.logRatio).toBeCloseTo(logRatio, 9);
        expect(values.advantage).toBeCloseTo(advantage, 9);
      }),
    );
  });

  test('beyond the extent are at its end, and 0 is in the middle', () => {
    const scene = sceneOf(500, 460, { x: 1, y: 2 });
    const { left, width, top, height } = scene.plot;
    expect(xOf(scene, Number.NEGATIVE_INFINITY)).toBe(left);
    expect(xOf(scene, 99)).toBe(left + width);
    expect(yOf(scene, 99)).toBe(top);
    expect([xOf(scene, 0), yOf(scene, 0)]).toEqual([left + width / 2, top + height / 2]);
  });
});

describe('ticks', () => {
  test('are round, on both sides of 0', () => {
    expect(ticksTo(1.15, 4)).toEqual([-1, -0.5, 0, 0.5, 1]);
    expect(ticksTo(0.00046, 4)).toEqual([-0.0004, -0.0002, 0, 0.0002, 0.0004]);
  });

  test('stay within the extent, and are neither none nor many', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 1e-6, max: 1e6, noNaN: true }),
        fc.integer({ min: 2, max: 6 }),
        (most, count) => {
          const ticks = ticksTo(most, count);
          expect(ticks).toContain(0);
          expect(Math.max(...ticks)).toBeLessThanOrEqual(most * (1 + 1e-9));
          expect(ticks.length).toBeGreaterThanOrEqual(3);
          expect(ticks.length).toBeLessThanOrEqual(2 * count + 1);
        },
      ),
    );
  });
});
