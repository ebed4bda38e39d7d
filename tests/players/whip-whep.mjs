// whip-whep, used as its README says: a peer connection of the page's own, then `view`.
import { WHEPClient } from "whip-whep/whep.js";

const video = document.getElementById("video");

window.play = async (url, token) => {
  const pc = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  pc.addTransceiver("audio", { direction: "recvonly" });
  pc.addTransceiver("video", { direction: "recvonly" });
  pc.ontrack = ({ track, streams }) => {
    if (track.kind === "video") video.srcObject = streams[0];
  };
  const client = new WHEPClient();
  window.player = { pc, client };
  await client.view(pc, url, token);
};
window.restart = () => window.player.client.restart();
window.stop = () => window.player.client.stop();
