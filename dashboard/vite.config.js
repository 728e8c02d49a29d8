// SPDX-License-Identifier: Apache-2.0
// One page, two hashed assets. Nothing is inlined: the page runs under a
// Content-Security-Policy without 'unsafe-inline'. Names are hashes of the
// content, so that the same sources give the same bytes on every machine.
import { defineConfig } from "vite";

export default defineConfig({
  base: "/dashboard/",
  esbuild: { jsx: "automatic", jsxImportSource: "preact" },
  build: {
    target: ["chrome109", "firefox115", "safari16"],
    assetsInlineLimit: 0,
    modulePreload: false,
    // A server tells hashed names by eight letters and digits after a dash.
    rollupOptions: { output: { hashCharacters: "base36" } },
    reportCompressedSize: true,
  },
  server: {
    host: "127.0.0.1",
    proxy: {
      "/collections": "http://127.0.0.1:6333",
      "/oauth2": "http://127.0.0.1:6333",
      "/telemetry": "http://127.0.0.1:6333",
    },
  },
});
