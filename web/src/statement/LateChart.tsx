// Fetches the chart when there is something to draw, not with the first load, and keeps its room until then.
// Absent: React.lazy, which never tries again; a chart that could not be fetched offline comes with the next change.
import { createElement, useEffect, useState } from "react";
import type { BalanceChartProps } from "./BalanceChart";
import classes from "./Statement.module.css";

type Chart = (typeof import("./BalanceChart"))["default"];

export function LateChart(props: BalanceChartProps) {
  const [chart, setChart] = useState<Chart | null>(null);
  // With each step of the balance, trying again makes sense.
  const steps = props.points.length;
  useEffect(() => {
    if (chart) return;
    let wanted = true;
    import("./BalanceChart").then(
      (module) => {
        if (wanted) setChart(() => module.default);
      },
      // The table below says the same; a missing picture is no reason to complain.
      () => undefined,
    );
    return () => {
      wanted = false;
    };
  }, [chart, steps]);
  return chart ? createElement(chart, props) : <div className={classes.chartRoom} />;
}
