// Starts the application. The pages that draw the most come when they are first opened.
import { render } from "preact";
import { App } from "./app";
import "./theme";

render(<App />, document.getElementById("app")!);
