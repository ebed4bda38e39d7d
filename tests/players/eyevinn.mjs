// @eyevinn/webrtc-player, used as its README says. No STUN server of a stranger's is asked.
import { WebRTCPlayer } from "@eyevinn/webrtc-player";

window.play = async (url, token) => {
  const video = document.getElementById("video");
  const mediaConstraints = window.withoutVideo ? { audioOnly: true } : {};
  const player = new WebRTCPlayer({ video, type: "whep", iceServers: [], mediaConstraints });
  window.said = [];
  for (const name of ["initial-connection-failed", "connect-error", "peer-connection-failed"]) {
    player.on(name, () => window.said.push(name));
  }
  window.player = player;
  await player.load(new URL(url), token);
};
window.stop = () => window.player.unload();
