/** Exact rationals over BigInt, always reduced, printed canonically: `-27`, `-1/3`. */

/** Greatest common divisor of two magnitudes (≥ 0); gcd(0, 0) = 0. */
export function gcd(a: bigint, b: bigint): bigint {
  let x = a;
  let y = b;
  while (y !== 0n) [x, y] = [y, x % y];
  return x;
}

/** Least common multiple of two positive integers. */
export function lcm(a: bigint, b: bigint): bigint {
  return (a / gcd(a, b)) * b;
}

/** |x|. */
export function magnitude(x: bigint): bigint {
  return x < 0n ? -x : x;
}

/** x − y·⌊x/y⌋ for integers: the remainder with the sign of y (≠ 0). */
export function floorModulo(x: bigint, y: bigint): bigint {
  const remainder = x % y;
  return remainder !== 0n && remainder < 0n !== y < 0n ? remainder + y : remainder;
}

const CANONICAL = /^(?:0|-?[1-9][0-9]*|(-?[1-9][0-9]*)\/([1-9][0-9]*))$/;

/** An exact fraction, reduced, with a positive denominator. */
export class Rational {
  static readonly ZERO = new Rational(0n, 1n);
  static readonly ONE = new Rational(1n, 1n);

  /** Use `Rational.of`; this constructor trusts that the pair is reduced and the denominator positive. */
  private constructor(
    readonly numerator: bigint,
    readonly denominator: bigint,
  ) {}

  /** The integer `value`. */
  static integer(value: bigint): Rational {
    return new Rational(value, 1n);
  }

  /** numerator / denominator, reduced. @throws RangeError if the denominator is 0. */
  static of(numerator: bigint, denominator: bigint): Rational {
    if (denominator === 0n) {
      throw new RangeError(`${numerator}/0: the denominator is 0; give another denominator`);
    }
    if (denominator === 1n) return new Rational(numerator, 1n);
    const common = gcd(magnitude(numerator), magnitude(denominator));
    const divisor = denominator < 0n ? -common : common;
    return new Rational(numerator / divisor, denominator / divisor);
  }

  /**
   * Reads the canonical form only: reduced, denominator > 1, no leading zeros, plus sign or spaces.
   * Anything else gives null.
   */
  static parseCanonical(text: string): Rational | null {
    const match = CANONICAL.exec(text);
    if (match === null) return null;
    const value =
      match[2] === undefined
        ? Rational.integer(BigInt(text))
        : Rational.of(BigInt(match[1]), BigInt(match[2]));
    return value.toString() === text ? value : null;
  }

  get isInteger(): boolean {
    return this.denominator === 1n;
  }

  get isZero(): boolean {
    return this.numerator === 0n;
  }

  get isNegative(): boolean {
    return this.numerator < 0n;
  }

  /** −this. */
  negate(): Rational {
    return new Rational(-this.numerator, this.denominator);
  }

  /** |this|. */
  abs(): Rational {
    return this.isNegative ? this.negate() : this;
  }

  /** this + other. */
  add(other: Rational): Rational {
    if (this.denominator === 1n && other.denominator === 1n) {
      return new Rational(this.numerator + other.numerator, 1n);
    }
    return Rational.of(
      this.numerator * other.denominator + other.numerator * this.denominator,
      this.denominator * other.denominator,
    );
  }

  /** this − other. */
  subtract(other: Rational): Rational {
    return this.add(other.negate());
  }

  /** this·other. */
  multiply(other: Rational): Rational {
    return Rational.of(this.numerator * other.numerator, this.denominator * other.denominator);
  }

  /** @throws RangeError if `other` is 0. */
  divide(other: Rational): Rational {
    return Rational.of(this.numerator * other.denominator, this.denominator * other.numerator);
  }

  /** this − other·⌊this/other⌋, which has the sign of `other`. @throws RangeError if `other` is 0. */
  modulo(other: Rational): Rational {
    if (other.isZero) throw new RangeError(`${this}%0: the divisor is 0; give another divisor`);
    return Rational.of(
      floorModulo(this.numerator * other.denominator, other.numerator * this.denominator),
      this.denominator * other.denominator,
    );
  }

  /** Negative, zero or positive as this is below, equal to or above `other`. */
  compare(other: Rational): number {
    const left = this.numerator * other.denominator;
    const right = other.numerator * this.denominator;
    return left < right ? -1 : left > right ? 1 : 0;
  }

  /** Return true if both are the same number. */
  equals(other: Rational): boolean {
    return this.numerator === other.numerator && this.denominator === other.denominator;
  }

  /** The canonical form: the integer alone, or numerator/denominator in lowest terms. */
  toString(): string {
    return this.denominator === 1n ? `${this.numerator}` : `${this.numerator}/${this.denominator}`;
  }
}
