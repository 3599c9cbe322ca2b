/** SHA-256 by the platform: Node and browsers have the same function. */
import { MathformerError } from './errors.ts';

/** The part of `crypto` that is used. Browsers have it on https and localhost alone. */
interface Digests {
  readonly subtle?: { digest(algorithm: 'SHA-256', data: Uint8Array): Promise<ArrayBuffer> };
}

/** Return the SHA-256 of bytes, in hexadecimal. @throws MathformerError on a page that is not secure. */
export async function sha256(bytes: Uint8Array): Promise<string> {
  const { subtle } = (globalThis as { readonly crypto?: Digests }).crypto ?? {};
  if (!subtle) {
    const fix = 'open it by https, or on localhost';
    const details = { code: 'NOT_SECURE', where: 'sha256', fix };
    throw new MathformerError('this page may not compute SHA-256: it is not secure', details);
  }
  const digest = new Uint8Array(await subtle.digest('SHA-256', bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
