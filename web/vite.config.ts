// How the page is built and, while developing, served: the shop's paths are passed on to a running shop.
// Absent: any plugin that writes inline scripts or styles; the policy in csp.txt forbids them, and `preview` enforces it.
import { readFileSync } from "node:fs";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const shop = process.env.SHOP_PROXY ?? "http://127.0.0.1:8080";
const orders = process.env.ORDERS_PROXY ?? shop;
const payments = process.env.PAYMENTS_PROXY ?? shop;
const policy = readFileSync(new URL("csp.txt", import.meta.url), "utf8").trim();

// Host stays what the browser sent, because the shop compares it with Origin before it upgrades a WebSocket.
const to = (target: string, ws = false) => ({ target, ws, changeOrigin: false });
const toTheShop = {
  "/orders": to(orders),
  "/ws": to(orders, true),
  "/accounts": to(payments),
  "/payments": to(payments),
  "/health": to(shop),
};

export default defineConfig({
  plugins: [react()],
  server: { host: "127.0.0.1", port: 5173, proxy: toTheShop },
  preview: {
    host: "127.0.0.1",
    port: 4173,
    proxy: toTheShop,
    headers: { "Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff" },
  },
  build: {
    target: "es2022",
    // The policy allows images from data: but nothing is gained by inlining what is loaded once.
    assetsInlineLimit: 0,
    // `npm run size` judges what the first load weighs.
    chunkSizeWarningLimit: 700,
    modulePreload: { polyfill: false },
  },
  test: { include: ["src/**/*.test.ts"], environment: "node" },
});
