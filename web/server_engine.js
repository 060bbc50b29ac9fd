// The engine that is a server on this machine.

/** @returns {import("./engine.js").Engine} */
export function connect() {
  return {
    async ask(question, signal) {
      const headers = {"Content-Type": "application/json"};
      const body = JSON.stringify(question);
      /** @type {Response} */
      let response;
      try {
        response = await fetch("answer", {method: "POST", headers, body, signal: signal ?? null});
      } catch (reason) {
        if (signal?.aborted) throw reason;
        throw new Error("The server has ended: start it again with `shapetrick serve`.");
      }
      if (!response.ok) throw new Error((await response.text()).trim());
      return response.json();
    },
  };
}
