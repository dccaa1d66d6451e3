// The few signs that the page uses, drawn by hand: an icon library would weigh more than they say.
const STROKE = { fill: "none", stroke: "currentColor", strokeWidth: 1.8, strokeLinecap: "round", strokeLinejoin: "round" } as const;

function Icon({ path }: { path: string }) {
  return (
    <svg width="18" height="18" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={path} {...STROKE} />
    </svg>
  );
}

export const Bell = () => <Icon path="M6 17V11a6 6 0 0 1 12 0v6l1.500 2h-15zM10 21.500h4" />;
export const Person = () => <Icon path="M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.500 20.500c1-4 4-5.500 7.500-5.500s6.500 1.500 7.500 5.500" />;
export const Sun = () => <Icon path="M12 16.500a4.500 4.500 0 1 0 0-9 4.500 4.500 0 0 0 0 9zM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.400 1.400M17.600 17.600 19 19M5 19l1.400-1.400M17.600 6.400 19 5" />;
export const Moon = () => <Icon path="M20 14.500A8.500 8.500 0 0 1 9.500 4a8.500 8.500 0 1 0 10.500 10.500z" />;
export const HalfMoon = () => <Icon path="M12 3a9 9 0 1 0 0 18zM12 3a9 9 0 0 1 0 18M12 8h4M12 12h6M12 16h4" />;
