// What Slack really sends where the types of Bolt say less. Each line is a known gap of the types, not a freedom of ours.
import type {
  BlockAction,
  ButtonAction,
  EnvelopedEvent,
  GlobalShortcut,
  SlashCommand,
  ViewClosedAction,
  ViewOutput,
  ViewSubmitAction,
} from "@slack/bolt";
import type { AppHomeOpenedEvent, AppMentionEvent, GenericMessageEvent } from "@slack/types";

type Known = { enterprise?: unknown; user: object };
// Outside Enterprise Grid, `enterprise` is there and null; a user has a `username` wherever it has a `name`.
type Slack<T extends Known> = Omit<T, "enterprise" | "user"> & {
  enterprise: null;
  user: T["user"] & { username: string };
};
// A pressed button brings its style along.
type Element = Exclude<BlockAction["actions"][number], ButtonAction> | (ButtonAction & { style?: "primary" | "danger" });
type Pressed = Omit<Slack<BlockAction>, "actions"> & { actions: Element[] };

export type FromMessage = Pressed & { channel: object; message: object };
// Nothing is said back into a channel from a modal or a Home: there is no response_url.
export type FromView = Omit<Pressed, "response_url"> & { view: ViewOutput };
// A Home has no title, and the event carries the view as it is stored, not as it was published.
type Home = Omit<ViewOutput, "title">;
export type FromHome = Omit<FromView, "view"> & { view: Home };
export type HomeOpened = EnvelopedEvent<Omit<AppHomeOpenedEvent, "view"> & { view?: Home }>;
export type Submitted = Slack<ViewSubmitAction>;
export type Closed = Slack<ViewClosedAction>;
export type Command = SlashCommand;
export type Shortcut = Omit<GlobalShortcut, "enterprise"> & { enterprise: null };
export type Mentioned = EnvelopedEvent<AppMentionEvent>;
// The types ask for `subtype: undefined`, which JSON cannot say.
export type Said = EnvelopedEvent<Omit<GenericMessageEvent, "subtype">>;
