// Starts Swagger UI or ReDoc on the page that holds its place, from this host alone.
(() => {
  "use strict";

  const swagger = document.getElementById("swagger");
  const redoc = document.getElementById("redoc");

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

  if (redoc) {
    const fonts = { fontFamily: styled("--text"), headings: { fontFamily: styled("--text") }, code: { fontFamily: styled("--mono") } };
    const theme = {
      colors: { primary: { main: "#54701c" }, text: { primary: "#22241e" } },
      sidebar: { backgroundColor: "#f5f5f0", textColor: "#22241e" },
      rightPanel: { backgroundColor: "#22241e" },
      typography: { fontSize: "15px", ...fonts },
    };
    window.Redoc.init(
      redoc.dataset.document,
      { hideDownloadButton: true, expandResponses: "200,201", requiredPropsFirst: true, nativeScrollbars: true, theme },
      redoc,
    );
  }
})();
