/** `npm ci` installs exactly the reviewed packages: each entry of package-lock.json has a checksum that npm compares. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

interface LockedPackage {
  readonly version?: string;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly link?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}
const { packages }: { readonly packages: Readonly<Record<string, LockedPackage>> } = JSON.parse(
  readFileSync('package-lock.json', 'utf8'),
);
/** All packages except the project, whose name is empty. */
const installed = Object.entries(packages).filter(([name]) => name !== '');

it('every package has a SHA-512 checksum', () => {
  expect(installed.length).toBeGreaterThan(100);
  const unchecked = installed.filter(([, { integrity = '' }]) => !/^sha512-[\w+/]{86}==$/.test(integrity));
  expect(unchecked.map(([name]) => name)).toEqual([]);
});

it('no package comes from anywhere but the registry', () => {
  const foreign = installed.filter(
    ([, { resolved = 'https://registry.npmjs.org/', link = false }]) =>
      link || !resolved.startsWith('https://registry.npmjs.org/'),
  );
  expect(foreign.map(([name]) => name)).toEqual([]);
});

it('every package that another one needs is there: npm ci refuses a list with gaps, optional packages too', () => {
  const missing = installed.flatMap(([path, { dependencies, optionalDependencies }]) =>
    Object.keys({ ...dependencies, ...optionalDependencies })
      .filter((name) => !placesOf(path, name).some((place) => place in packages))
      .map((name) => `${path} needs ${name}`),
  );
  expect(missing).toEqual([]);
});

/** Return the places where Node looks for a package that the one at a path imports, the nearest first. */
function placesOf(path: string, name: string): string[] {
  const parts = path.split('/node_modules/');
  return [
    ...parts.map((_, i) => `${parts.slice(0, parts.length - i).join('/node_modules/')}/node_modules/${name}`),
    `node_modules/${name}`,
  ];
}
