// Passkeys: the browser's ceremony around a form, whose hidden field carries what comes of it.
(() => {
  "use strict";

  if (!window.PublicKeyCredential) {
    for (const form of document.querySelectorAll('[data-passkey="create"]')) {
      complain(form, "This browser offers no passkeys here: they need https, or localhost.");
      form.querySelector("[type=submit]").disabled = true;
    }
    return;
  }

  function complain(form, text) {
    const line = form.querySelector("[data-trouble]");
    line.textContent = text;
    line.hidden = false;
  }

  const toBytes = (text) => {
    const plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
  };

  const toText = (buffer) => {
    const letters = Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte));
    return btoa(letters.join("")).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  };

  function prepared(options) {
    const made = { ...options, challenge: toBytes(options.challenge) };
    if (options.user) made.user = { ...options.user, id: toBytes(options.user.id) };
    for (const list of ["excludeCredentials", "allowCredentials"]) {
      made[list] = (options[list] || []).map((known) => ({ ...known, id: toBytes(known.id) }));
    }
    return made;
  }

  function asJSON(credential) {
    const response = {};
    for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (credential.response[name]) response[name] = toText(credential.response[name]);
    }
    return JSON.stringify({
      id: credential.id,
      rawId: toText(credential.rawId),
      type: credential.type,
      authenticatorAttachment: credential.authenticatorAttachment,
      clientExtensionResults: credential.getClientExtensionResults(),
      response,
    });
  }

  async function optionsFor(form) {
    if (form.dataset.passkey !== "fetch") return JSON.parse(document.getElementById("passkey-options").textContent);
    const answer = await fetch(form.action, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(`The server answered ${answer.status}.`);
    return answer.json();
  }

  async function ceremony(form) {
    const options = await optionsFor(form);
    if (form.dataset.passkey !== "create") {
      return navigator.credentials.get({ publicKey: prepared(options.request_options.publicKey) });
    }
    const publicKey = prepared(options.creation_options.publicKey);
    const alone = form.elements.passwordless.checked;
    publicKey.authenticatorSelection = {
      ...publicKey.authenticatorSelection,
      residentKey: alone ? "required" : "discouraged",
      requireResidentKey: alone,
      userVerification: alone ? "required" : "preferred",
    };
    return navigator.credentials.create({ publicKey });
  }

  const reasons = {
    NotAllowedError: "It was canceled, or took too long. Try again.",
    InvalidStateError: "This passkey is here already.",
    SecurityError: "Passkeys need https and a host name, or localhost: they do not work at this address.",
  };

  for (const form of document.querySelectorAll("[data-passkey]")) {
    form.hidden = false;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const button = form.querySelector("[type=submit]");
      button.disabled = true;
      try {
        const credential = await ceremony(form);
        form.elements.credential.value = asJSON(credential);
        form.submit();
      } catch (error) {
        complain(form, reasons[error.name] || "That did not work. Try again.");
        button.disabled = false;
        button.focus();
      }
    });
  }
})();
