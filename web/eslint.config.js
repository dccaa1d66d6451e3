// The rules of the page's code, as strict as the compiler's; what is generated is left alone.
import js from "@eslint/js";
import hooks from "eslint-plugin-react-hooks";
import { defineConfig, globalIgnores } from "eslint/config";
import tseslint from "typescript-eslint";

export default defineConfig(
  globalIgnores(["dist/", "src/api/orders.d.ts", "src/api/payments.d.ts", "test-results/"]),
  js.configs.recommended,
  {
    files: ["**/*.{ts,tsx}"],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked, hooks.configs.flat["recommended-latest"]],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      // Money is bigint here; a float that slips in is a bug.
      "no-restricted-globals": ["error", { name: "parseFloat", message: "Money is bigint minor units: money/money.ts." }],
      "no-restricted-properties": [
        "error",
        { object: "Math", property: "random", message: "Inject it, so that a test can decide." },
        { property: "dangerouslySetInnerHTML", message: "Nothing here writes HTML." },
      ],
      "max-lines": ["error", 300],
      "max-lines-per-function": ["error", { max: 70, skipBlankLines: true, skipComments: true }],
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      eqeqeq: "error",
    },
  },
  { files: ["**/*.test.ts", "e2e/**/*.ts"], rules: { "max-lines-per-function": "off" } },
  { files: ["public/*.js"], languageOptions: { globals: { localStorage: "readonly", matchMedia: "readonly", document: "readonly" } } },
  { files: ["scripts/*.mjs", "eslint.config.js"], languageOptions: { globals: { process: "readonly", console: "readonly", URL: "readonly" } } },
);
