// Starts Swagger UI or ReDoc on the page that holds its place, from this host alone.
(() => {
  "use strict";

  const swagger = document.getElementById("swagger");
  const redoc = document.getElementById("redoc");

  const root = document.documentElement;
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => root.dataset.theme === "dark" || (root.dataset.theme !== "light" && system.matches);

  // Without a key, what is tried goes out as the person who is signed in; the token says that it comes from this page.
  function sign(request) {
    const url = new URL(request.url, location.href);
    const hasKey = Object.keys(request.headers ?? {}).some((name) => name.toLowerCase() === "authorization");
    if (!hasKey && swagger.dataset.csrf && url.origin === location.origin && url.pathname.startsWith("/api/v1/")) {
      request.headers = { ...request.headers, "X-CSRFToken": swagger.dataset.csrf };
      request.credentials = "same-origin";
    }
    return request;
  }

  if (swagger) {
    const dim = () => root.classList.toggle("dark-mode", isDark());
    dim();
    system.addEventListener("change", dim);
    window.SwaggerUIBundle({
      url: swagger.dataset.document,
      domNode: swagger,
      deepLinking: true,
      docExpansion: "list",
      defaultModelsExpandDepth: 0,
      displayRequestDuration: true,
      filter: true,
      persistAuthorization: false,
      requestInterceptor: sign,
      tryItOutEnabled: true,
      validatorUrl: null,
    });
  }

  function styled(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  function colors() {
    const [side, ink, muted, line, accent, code] = isDark()
      ? ["#141512", "#ecece5", "#a7aa9c", "#32342d", "#b4cc70", "#101109"]
      : ["#f5f5f0", "#22241e", "#5d6055", "#e4e4dc", "#54701c", "#22241e"];
    return {
      colors: {
        primary: { main: accent },
        success: { main: isDark() ? "#8fd19e" : "#1d8127" },
        error: { main: isDark() ? "#f39a87" : "#a4301d" },
        text: { primary: ink, secondary: muted },
        border: { dark: line, light: line },
      },
      schema: { nestedBackground: side, typeNameColor: muted, typeTitleColor: ink, linesColor: muted },
      sidebar: { backgroundColor: side, textColor: ink, activeTextColor: accent },
      rightPanel: { backgroundColor: code },
      typography: { links: { color: accent }, code: { color: ink, backgroundColor: side } },
    };
  }

  if (redoc) {
    const drawn = () => {
      const theme = colors();
      const fonts = { fontFamily: styled("--text"), headings: { fontFamily: styled("--text") } };
      theme.typography = {
        ...theme.typography,
        ...fonts,
        fontSize: "15px",
        code: { ...theme.typography.code, fontFamily: styled("--mono") },
      };
      const options = { hideDownloadButton: true, expandResponses: "200,201", requiredPropsFirst: true, nativeScrollbars: true };
      window.Redoc.init(redoc.dataset.document, { ...options, theme }, redoc);
    };
    drawn();
    system.addEventListener("change", drawn);
  }
})();
