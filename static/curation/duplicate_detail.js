// Deciding about a cluster by keyboard: K keeps the left one, C the ticked ones, A all; N goes on.
import { keys } from "../js/keys.js";

const form = document.querySelector("form[data-keys]");
if (form) keys(form);
