import type { DetailedHTMLProps, HTMLAttributes } from "react";
import type { FanlightViewer } from "../viewer";

declare module "react" {
  namespace JSX {
    interface IntrinsicElements {
      "fanlight-viewer": DetailedHTMLProps<HTMLAttributes<FanlightViewer>, FanlightViewer> & {
        session: string;
        base: string;
        check: string;
      };
    }
  }
}
