// Streamlit scrolls along with a growing chat only where the chat input is in the page's main part (its issue 16977).
// This scrolls along from sending a question until the reader scrolls up, and from then on leaves the page where it is.
{
  const main = document.querySelector("[data-testid=stMain]")
  const SENDS = "[data-testid=stChatInputSubmitButton], [class*=st-key-app-starter], .send, [aria-label='Try again']"
  let below = null // how much of the page stays below the window: 0 to follow an answer, null to leave the reader alone
  let top = main.scrollTop
  let height = main.scrollHeight // as of the last frame: by the time a scroll event arrives, the page may have grown
  const keep = () => {
    if (below !== null) main.scrollTo(0, main.scrollHeight - main.clientHeight - below)
    top = main.scrollTop
  }
  const follow = () => {
    below = 0
    keep()
  }
  main.onscroll = () => {
    const end = main.scrollTop + main.clientHeight
    if (main.scrollTop < top && end + 1 < main.scrollHeight) below = null // at the end, the page has shrunk
    else if (main.scrollTop > top && end + 40 > height) below = 0
    else if (below) below = height - end
    top = main.scrollTop
  }
  const leave = ({ type, deltaY }) => {
    if (main.scrollTop > 0 && (type === "touchmove" || deltaY < 0)) below = null // at once: the scrolling comes later
  }
  for (const type of ["wheel", "touchmove"]) main.addEventListener(type, leave, { passive: true })
  main.parentElement.onkeydown = (event) => {
    if (event.key === "Enter" && !event.shiftKey && event.composedPath()[0].matches("textarea")) follow()
  }
  main.parentElement.addEventListener("click", (event) => {
    if (event.composedPath()[0].closest(SENDS)) follow()
    if (event.target.closest(".st-key-app-show_earlier")) below = main.scrollHeight - main.clientHeight - main.scrollTop
  }, true)
  // Streamlit's fields would take nothing of a text that is too long, and its chat input would send a question without
  // the files in red: both without a word.
  const MAX_CHARS = 100_000
  // Of a file that a server refuses, Streamlit gives the status alone; a proxy may make another of a 403.
  const REFUSED = "The file did not arrive. If this page is shown inside another site, open it in a tab of its own."
  const TOO_LARGE = "The file is too large for a server on the way, or this session has sent too many."
  const problemWith = ({ type, target, key, shiftKey, isComposing, data }, input) => {
    if (type === "beforeinput") {
      const length = target.value.length - (target.selectionEnd - target.selectionStart) + (data?.length ?? 0)
      if (length <= MAX_CHARS) return ""
      const instead = input.matches("[data-testid=stChatInput]") ? ": attach a longer text as a file" : ""
      return `Only ${MAX_CHARS.toLocaleString("en")} characters fit here${instead}.`
    }
    const sends = type === "click" ? target.closest("button[aria-label^=Send]") : key === "Enter" && !shiftKey
    const why = input.querySelector("[aria-invalid=true] [role=alert]")
    if (!sends || isComposing || !why) return ""
    const said = why.textContent.replace("Error: ", "")
    const reason = !said.startsWith("AxiosError") ? said : said.endsWith("413") ? TOO_LARGE : REFUSED
    return `${reason} Remove the file in red first.`
  }
  const check = (event) => {
    const input = event.target.closest("[data-testid=stChatInput], [data-testid=stTextArea]")
    if (!input) return
    const place = input.querySelector(".problem") ?? input.appendChild(document.createElement("p"))
    const problem = problemWith(event, input)
    Object.assign(place, { className: "problem", role: "alert", textContent: problem })
    if (!problem) return
    event.preventDefault()
    event.stopPropagation()
  }
  for (const type of ["beforeinput", "keydown", "click"]) document.body.addEventListener(type, check, true)
  for (const observer of main.observers ?? []) observer.disconnect() // of an earlier run of this script
  const content = main.querySelector("[data-testid=stMainBlockContainer]")
  const resized = new ResizeObserver(() => {
    keep()
    height = main.scrollHeight
  })
  for (const part of [main, content]) resized.observe(part)
  // The browser scrolls up when the page shrinks; if it grows again at once, that would look like the reader.
  const changed = new MutationObserver(() => (top = Math.min(top, main.scrollHeight - main.clientHeight)))
  changed.observe(content, { childList: true, characterData: true, subtree: true })
  main.observers = [resized, changed]
}
