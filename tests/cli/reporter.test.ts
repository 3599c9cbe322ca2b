/** The destination of output, and its width. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ArgumentError } from '../../src/base/arguments.ts';
import { ShapeError } from '../../src/base/errors.ts';
import { accuracyWithInterval, improvementText } from '../../src/cli/accuracyText.ts';
import { failureText } from '../../src/cli/failure.ts';
import { duration, Reporter } from '../../src/cli/reporter.ts';
import { accuracyOf, improvementOf } from '../../src/training/accuracy.ts';

function outputs({ json = false, quiet = false, isTTY = false, columns = 200 }) {
  const written = { out: '', err: '' };
  const stream = (name: 'out' | 'err') => ({
    isTTY,
    write(text: string) {
      written[name] += text;
      return true;
    },
    on: () => undefined,
    columns,
  });
  return { written, reporter: new Reporter({ json, quiet }, stream('out'), stream('err')) };
}

describe('Reporter', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('keeps stdout for the document under --json', () => {
    const { written, reporter } = outputs({ json: true });
    reporter.line('Device: x');
    reporter.progress('GRPO', { total: 1, unit: 'steps' }).update(1, { loss: 0.5 });
    reporter.document({ a: [1] });
    expect(JSON.parse(written.out)).toEqual({ a: [1] });
    expect(written.err).toBe('Device: x\nGRPO 1/1 steps, loss 0.5000\n');
  });

  it('prints no document to people, and no progress under --quiet', () => {
    const { written, reporter } = outputs({ quiet: true });
    reporter.document({});
    reporter.note('on the way');
    reporter.progress('GRPO', { total: 1, unit: 'steps' }).update(1);
    reporter.line('Final: 1');
    expect(written).toEqual({ out: 'Final: 1\n', err: '' });
  });

  it('prints about twenty plain lines, the last step always among them, and no control characters', () => {
    const { written, reporter } = outputs({});
    const progress = reporter.progress('GRPO', { total: 1003, unit: 'steps' });
    for (let step = 1; step <= 1003; step++) {
      vi.advanceTimersByTime(500);
      progress.update(step, { reward: 1 });
    }
    progress.stop();
    const lines = written.out.trimEnd().split('\n');
    expect(lines.length).toBeGreaterThanOrEqual(19);
    expect(lines.length).toBeLessThanOrEqual(21);
    // 952 steps of half a second, and then one step.
    expect(lines[0]).toBe('GRPO 51/1003 steps, reward 1.0000, ETA 7m56s');
    expect(lines.at(-2)).toBe('GRPO 969/1003 steps, reward 1.0000, ETA 17s');
    expect(lines.at(-1)).toBe('GRPO 1003/1003 steps, reward 1.0000');
    expect(written.out).not.toContain('\u001b');
  });

  it('counts on from where a resumed run stands, by the time of its own steps', () => {
    const { written, reporter } = outputs({});
    const progress = reporter.progress('GRPO', { from: 60, total: 80, unit: 'steps' });
    vi.advanceTimersByTime(10_000);
    progress.update(64);
    // 4 steps took 10 seconds, so 16 take 40.
    expect(written.out).toBe('GRPO 64/80 steps, ETA 40s\n');
  });

  it.each([
    [40, 'GRPO 65/80 reward 0.2500 ETA 38s'],
    [80, 'GRPO [====================----] 65/80 reward 0.2500 ETA 38s'],
    [120, 'GRPO [====================----] 65/80 reward 0.2500 ETA 38s'],
  ])('draws a bar that fits a terminal of %d columns', (columns, line) => {
    const { written, reporter } = outputs({ isTTY: true, columns });
    const progress = reporter.progress('GRPO', { from: 60, total: 80, unit: 'steps' });
    vi.advanceTimersByTime(12_500);
    progress.update(65, { reward: 0.25 });
    progress.stop();
    expect(written.err).toContain(`${line}\u001b`);
  });

  it('shows no time left before something is done', () => {
    const { written, reporter } = outputs({ isTTY: true, columns: 60 });
    reporter.progress('GRPO', { total: 80, unit: 'steps' }).stop();
    expect(written.err).toContain('] 0/80 ETA ?\u001b');
  });

  it('takes 80 columns where the terminal does not tell how many it has', () => {
    const widths = [0, 80, 81].map((columns) => {
      const { written, reporter } = outputs({ isTTY: true, columns });
      const progress = reporter.progress('G'.repeat(60), { total: 80, unit: 'steps' });
      progress.update(8, { loss: 1 });
      progress.stop();
      return written.err;
    });
    expect(widths[0]).toBe(widths[1]);
    expect(widths[2]).not.toBe(widths[1]);
  });

  it('draws a bar that only a terminal shows, and takes it away when it is done', () => {
    const { written, reporter } = outputs({ isTTY: true });
    const bar = reporter.bar('Evaluating', 4);
    vi.advanceTimersByTime(1000);
    bar.update(2);
    vi.advanceTimersByTime(1000);
    expect(written.err).toMatch(/Evaluating \[=+-+\] 2\/4 ETA/);
    bar.update(4);
    bar.stop();
    expect(written.err.endsWith('\n')).toBe(false);
    written.err = '';
    reporter.line('Accuracy: 1');
    expect(written).toEqual({ out: 'Accuracy: 1\n', err: '' });
    for (const options of [{ isTTY: true, quiet: true }, { isTTY: false }]) {
      const other = outputs(options);
      const silent = other.reporter.bar('Evaluating', 4);
      silent.update(2);
      silent.stop();
      expect(other.written).toEqual({ out: '', err: '' });
    }
  });

  it('prints few lines also where a resumed run begins between them', () => {
    const { written, reporter } = outputs({});
    const progress = reporter.progress('GRPO', { from: 7, total: 100, unit: 'steps' });
    for (let step = 8; step <= 24; step++) progress.update(step);
    // Every fifth, counted from 7 at first and then from a multiple of five.
    expect(written.out.match(/GRPO \d+/g)).toEqual(['GRPO 12', 'GRPO 15', 'GRPO 20']);
  });

  it.each([
    [0, 'loss 0.0000'],
    [0.001, 'loss 0.0010'],
    [-0.25, 'loss -0.2500'],
    [0.00099, 'loss 9.9e-4'],
    [-2e-5, 'loss -2.0e-5'],
  ])('shows %d so that it can be told from zero', (value, text) => {
    const { written, reporter } = outputs({});
    reporter.progress('GRPO', { total: 1, unit: 'steps' }).update(1, { loss: value });
    expect(written.out).toBe(`GRPO 1/1 steps, ${text}\n`);
  });

  it('clears a bar for a line', () => {
    const { written, reporter } = outputs({ isTTY: true });
    const progress = reporter.progress('GRPO', { total: 10, unit: 'steps' });
    progress.update(5);
    // Nor may the terminal cut off lines that are longer than it is wide.
    expect(written.err).not.toContain('\u001b[?7l');
    written.err = '';
    reporter.line('Step 5 Eval: 1');
    expect(written.err.startsWith('\r\u001b[2K')).toBe(true);
    expect(written.err).toContain('5/10');
    progress.stop();
    expect(written.out).toBe('Step 5 Eval: 1\n');
  });
});

describe('texts', () => {
  const half = Array.from({ length: 100 }, (_, i) => i < 45);
  const better = half.map((_, i) => i < 60);

  it('begin as the original printed them', () => {
    expect(accuracyWithInterval(accuracyOf(half))).toMatch(/^45\.00% \(45\/100\), 95% interval 35\.\d\d% to/);
    // 15 against 0 discordant: p = 2 · 2^-15.
    expect(improvementText(improvementOf(half, better))).toMatch(
      /^\+15\.00 points, 95% interval \+\d.* to \+\d.*, McNemar p = 6\.1e-5$/,
    );
    expect(improvementText(improvementOf(better, half))).toMatch(/^-15\.00 points/);
  });

  it.each([
    [0.4, '0s'],
    [59.4, '59s'],
    [60, '1m00s'],
    [3599, '59m59s'],
    [3600, '1h00m'],
    [3660, '1h01m'],
    [200, '3m20s'],
    [7500, '2h05m'],
  ])('duration %d', (seconds, text) => {
    expect(duration(seconds)).toBe(text);
  });
});

describe('failureText', () => {
  it('is one line with the fix once', () => {
    expect(failureText(new ArgumentError('seed', 'got -1', 'give 1'))).toBe('error: seed: got -1 — give 1');
    expect(failureText(new ShapeError('matmul', '(2,3)\n by (4,5)', 'transpose it'))).toBe(
      'error: matmul: (2,3) by (4,5) — transpose it',
    );
  });

  it('has no stack for the unforeseen, but says how to get it', () => {
    expect(failureText(new TypeError('x is not a function'))).toMatch(
      /^error: x is not a function — .*MATHFORMER_DEBUG=1[^\n]*$/,
    );
  });
});
