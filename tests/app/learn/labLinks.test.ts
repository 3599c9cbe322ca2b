/** The links of the guide to Lab. */
import { expect, it } from 'vitest';
import { settingsFrom } from '../../../app/src/lab/settings.ts';
import { LAB_LINKS } from '../../../app/src/learn/labLinks.ts';
import { formatRoute, LESSONS, parseRoute } from '../../../app/src/shell/routes.ts';

it('are one for each lesson, and Lab understands every setting', () => {
  expect(LAB_LINKS).toHaveLength(LESSONS);
  for (const { settings } of LAB_LINKS) {
    const route = parseRoute(formatRoute({ page: 'lab', settings }));
    if (route?.page !== 'lab') throw new Error('it is no address of Lab');
    const { settings: read, problems } = settingsFrom(route.settings);
    expect(problems).toEqual([]);
    const { preset, ...others } = settings;
    expect(read.preset.id).toBe(preset);
    expect(Object.keys(read.changed).sort()).toEqual(Object.keys(others).sort());
  }
});
