// The balance over time as a stepped line, drawn by hand; the table below it says the same exactly.
// Absent: a chart library, which would weigh more than the rest of the page.
import { useElementSize } from "@mantine/hooks";
import { useState, type PointerEvent } from "react";
import { useWords } from "../i18n/setup";
import { showTime } from "../i18n/time";
import { minor, showMoney } from "../money/money";
import classes from "./Statement.module.css";
import { highest, lowest, pointAt, shareOf, type Point } from "./steps";

const HEIGHT = 160;
const ABOVE = 14;

export interface BalanceChartProps {
  points: Point[];
  currency: string;
}

export default function BalanceChart({ points, currency }: BalanceChartProps) {
  const { t, language } = useWords();
  const { ref, width } = useElementSize();
  const [pointed, setPointed] = useState<Point | null>(null);
  const first = points[0];
  const last = points.at(-1);
  if (!first || !last) return null;
  const money = (balance: Point["balance"]) => showMoney(balance, currency, language);
  const time = (at: number) => showTime(at, language);
  const top = highest(points);
  // All at one moment: then the steps stand in the middle of no width, and any width will do.
  const span = Math.max(1, last.at - first.at);
  // What is on the account now goes on to the right of its last step.
  const stepped = width * 0.96;
  const x = ({ at }: Point) => ((at - first.at) / span) * stepped;
  const y = ({ balance }: Point) => HEIGHT - shareOf(balance, top) * (HEIGHT - ABOVE);
  const point = ({ clientX, currentTarget }: PointerEvent) => {
    const left = currentTarget.getBoundingClientRect().left;
    setPointed(pointAt(points, first.at + ((clientX - left) / Math.max(1, stepped)) * span));
  };
  const line = points.map((step, index) => (index === 0 ? `M${x(step)},${y(step)}` : `H${x(step)}V${y(step)}`)).join("") + `H${width}`;
  const label = t("statement.chart", {
    from: time(first.at),
    to: time(last.at),
    lowest: money(lowest(points)),
    highest: money(top),
  });
  return (
    <div className={classes.chart} ref={ref}>
      {width > 0 && (
        <svg role="img" aria-label={label} onPointerMove={point} onPointerLeave={() => setPointed(null)}>
          {[top, minor(top / 2n), minor(0n)].map((balance, index) => (
            <line key={index} className={classes.grid} x1={0} x2={width} y1={y({ at: 0, balance })} y2={y({ at: 0, balance })} />
          ))}
          <path className={classes.area} d={`${line}V${HEIGHT}H0Z`} />
          <path className={classes.line} d={line} />
          <text className={classes.axis} x={0} y={ABOVE - 4}>
            {money(top)}
          </text>
          {pointed && <circle className={classes.mark} cx={x(pointed)} cy={y(pointed)} r={5} />}
        </svg>
      )}
      <div className={classes.caption} aria-hidden="true">
        {pointed ? (
          <span>{t("statement.at", { when: time(pointed.at), balance: money(pointed.balance) })}</span>
        ) : (
          <>
            <span>{time(first.at)}</span>
            <span>{time(last.at)}</span>
          </>
        )}
      </div>
    </div>
  );
}
