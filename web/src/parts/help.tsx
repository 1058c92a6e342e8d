// The keys, listed.
import { KEYS } from "../keys";
import { Dialog } from "./dialog";

export function Help({ onClose }: { onClose: () => void }) {
  return (
    <Dialog label="Keyboard" onClose={onClose}>
      <table class="table">
        <tbody>
          {KEYS.map(([keys, what]) => (
            <tr key={keys}>
              <td style={{ whiteSpace: "nowrap" }}><kbd>{keys}</kbd></td>
              <td>{what}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p class="soft small" style={{ padding: "0 12px" }}>In a chart: drag to zoom, click for the traces and logs of that moment, dots are exemplars.</p>
    </Dialog>
  );
}
