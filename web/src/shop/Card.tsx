// One part of the screen: a landmark with a heading, so that it can be jumped to.
import { useId, type ReactNode } from "react";
import classes from "./Shop.module.css";

export interface CardProps {
  title: string;
  beside?: ReactNode;
  id?: string;
  children: ReactNode;
}

export function Card({ title, beside, id, children }: CardProps) {
  const heading = useId();
  return (
    <section className={classes.card} aria-labelledby={heading} id={id}>
      <div className={classes.cardHead}>
        <h2 className={classes.cardTitle} id={heading} tabIndex={-1}>
          {title}
        </h2>
        {beside}
      </div>
      {children}
    </section>
  );
}
