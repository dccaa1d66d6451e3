// Fetches the chart when there is something to draw, not with the first load.
// Absent: React.lazy, which never tries again; a chart that could not be fetched offline comes with the next change.
import { useEffect, useState } from "react";

type Chart = (typeof import("./BalanceChart"))["default"];

/** `occasion` changes whenever trying again makes sense. */
export function useChart(occasion: unknown): Chart | null {
  const [chart, setChart] = useState<Chart | null>(null);
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
  }, [chart, occasion]);
  return chart;
}
