// Money as bigint minor units: reading the shop's decimals, and showing them exactly in the reader's language.
// Absent: floats. A JSON amount is a string of two decimals and never becomes a Number.

/** An amount in hundredths of the shop's currency. */
export type Money = bigint & { readonly money: unique symbol };

const DECIMAL = /^(-?)(\d+)\.(\d{2})$/;

export function minor(units: bigint): Money {
  return units as Money;
}

/** Reads what the shop wrote (`"-50.00"`); anything else is a broken promise, hence an error. */
export function readMoney(decimal: string): Money {
  const match = DECIMAL.exec(decimal);
  if (!match) throw new TypeError(`not an amount: ${decimal}`);
  const units = BigInt(`${match[2] ?? ""}${match[3] ?? ""}`);
  return minor(match[1] === "-" ? -units : units);
}

/** Writes it for the shop: `"50.00"`. */
export function writeMoney(money: Money): string {
  const { negative, whole, hundredths } = split(money);
  return `${negative ? "-" : ""}${whole}.${hundredths}`;
}

/**
 * Shows it to a person. Intl formats the whole part as a BigInt, which is exact, and the hundredths take the place
 * of its fraction. Below one whole the sign is borrowed from -1, since a BigInt has no -0.
 */
export function showMoney(money: Money, currency: string, language: string): string {
  const { negative, whole, hundredths } = split(money);
  const format = formatOf(currency, language);
  const sample = negative ? (whole === 0n ? -1n : -whole) : whole;
  return format
    .formatToParts(sample)
    .map(({ type, value }) => {
      if (type === "fraction") return hundredths;
      if (type === "integer" && whole === 0n) return "0";
      return value;
    })
    .join("");
}

function split(money: Money) {
  const negative = money < 0n;
  const signed: bigint = money;
  const units = negative ? -signed : signed;
  return { negative, whole: units / 100n, hundredths: (units % 100n).toString().padStart(2, "0") };
}

const formats = new Map<string, Intl.NumberFormat>();

function formatOf(currency: string, language: string): Intl.NumberFormat {
  const key = `${language} ${currency}`;
  let format = formats.get(key);
  if (!format) {
    format = new Intl.NumberFormat(language, {
      style: "currency",
      currency,
      // "₽" in English too; the code would be longer and say no more.
      currencyDisplay: "narrowSymbol",
      minimumFractionDigits: 2,
      maximumFractionDigits: 2,
    });
    formats.set(key, format);
  }
  return format;
}
