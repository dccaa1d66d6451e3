// An order's way so far and what it waits for, below its details; told anew when the order changes, and now and then while it waits.
import { useQuery } from "@tanstack/react-query";
import { valueOf } from "../api/answer";
import { call } from "../api/call";
import { useWords } from "../i18n/setup";
import { showTime } from "../i18n/time";
import { Failed, Loading } from "../shop/Placeholders";
import { keys } from "../shop/queries";
import { useSession } from "../shop/SessionContext";
import classes from "./Orders.module.css";
import { goesOn, knownStep, withTimes, type TimelineEvent } from "./timeline";

/** What is to come, and no push tells of. */
const LOOK_EVERY = 3_000;

function useTimeline(id: string) {
  const { user } = useSession();
  return useQuery({
    queryKey: keys.timeline(user, id),
    queryFn: async ({ signal }) => valueOf(await call("get", "/orders/{id}/timeline", { user, id, signal })),
    refetchInterval: ({ state }) => (state.data && goesOn(state.data) ? LOOK_EVERY : false),
  });
}

export function OrderTimeline({ id }: { id: string }) {
  const { t } = useWords();
  const { data, error, refetch } = useTimeline(id);
  return (
    <section className={classes.timeline}>
      <h3 className={classes.timelineTitle}>{t("timeline.title")}</h3>
      {data && <Steps steps={data.events} waitingFor={data.waiting_for} />}
      {!data && error && <Failed title={t("timeline.failed")} error={error} retry={() => void refetch()} />}
      {!data && !error && <Loading rows={2} />}
    </section>
  );
}

function Steps({ steps, waitingFor }: { steps: TimelineEvent[]; waitingFor: string | null }) {
  const { t, language } = useWords();
  // The shop's own sentences are English, whatever the page speaks, and so are the times in them.
  const english = (sentence: string) => <span lang="en">{withTimes(sentence, (at) => showTime(at, "en"))}</span>;
  return (
    <>
      <ol className={classes.steps}>
        {steps.map(({ at, what, detail }) => (
          <li key={what} data-step={what}>
            <span className={classes.stepName}>{t(`timeline.step.${knownStep(what)}`)}</span>
            <time className={classes.stepTime} dateTime={at}>
              {showTime(at, language)}
            </time>
            <span className={classes.stepDetail}>{english(detail)}</span>
          </li>
        ))}
      </ol>
      <div role="status">
        {waitingFor !== null && (
          <p className={classes.waitingFor}>
            <span className={classes.stepName}>{t("timeline.waitingFor")}</span>
            {english(waitingFor)}
          </p>
        )}
      </div>
    </>
  );
}
