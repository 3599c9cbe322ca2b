import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressProblem, hostOf, unreachableReasons } from '../../../app/src/lend/address.ts';

const problemAt = (page: string) => (address: string) => addressProblem(address, page)?.problem;

describe('addressProblem', () => {
  it.each([
    'wss://host',
    'wss://host:8443/nats',
    ' wss://[::1]:1 ',
    'ws://localhost:8080',
    'ws://127.0.0.1:1',
    'ws://[::1]:1',
  ])('%s is taken on every page', (address) => {
    expect(problemAt('https:')(address)).toBeUndefined();
    expect(problemAt('http:')(address)).toBeUndefined();
  });

  it.each(['ws://192.168.1.5:8080', 'ws://host', 'ws://localhost.example.org', 'ws://127.0.0.1.example.org'])(
    '%s is mixed content on a page that came by https',
    (address) => {
      expect(problemAt('https:')(address)).toContain('mixed content');
      expect(problemAt('http:')(address)).toBeUndefined();
    },
  );

  it.each([
    ['', 'not the address'],
    ['host', 'not the address'],
    ['nats://host:4222', 'WebSockets'],
    ['tls://host:4222', 'WebSockets'],
    ['https://host', 'https:// is not for servers'],
    ['javascript:alert(1)', 'not the address'],
    ['wss://user:secret@host', 'name or password'],
    ['wss://token@host', 'name or password'],
  ])('%s is refused', (address, part) => {
    const refused = addressProblem(address, 'http:');
    expect(refused?.problem).toContain(part);
    expect(refused?.fix).not.toBe('');
    expect(refused?.problem).not.toContain('secret');
  });

  it('answers for any text', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        addressProblem(text, 'https:');
        expect(typeof hostOf(text)).toBe('string');
      }),
    );
  });

  it('names reasons that a browser does not tell, that of certificates for TLS alone', () => {
    expect(unreachableReasons('wss://host:1', 'http://a').join()).toContain('https://host:1');
    expect(unreachableReasons('ws://host:1', 'http://a').join()).not.toContain('certificate');
    expect(unreachableReasons('ws://host:1', 'http://a').join()).toContain('http://a');
  });
});
