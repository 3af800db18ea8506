using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using Cellar.Notebooks;
using UnetResnet.Runtime;
using UnetResnet.Tests.Lab;

namespace Cellar.Tests.Protocol;

/// <summary>The installed kernel under Debian's Jupyter: its client, its programs, and a notebook page in a browser.</summary>
[Collection("kernels")]
public sealed class JupyterTests(JupyterFixture jupyter) : IClassFixture<JupyterFixture>
{
    /// <summary>The cells that are run, for the page's script.</summary>
    private const string Run = "Jupyter.notebook.get_cells().filter(c => c.cell_type == 'code' && !(c.metadata.tags || []).includes('skip-execution'))";

    [JupyterFact("jupyter_kernel_test, nbclient, nbconvert")]
    public void The_kernel_conforms()
    {
        using Process python = jupyter.Start("/usr/bin/python3", "-m", "unittest", "-v", "test_kernel");
        (int code, string output, string errors) = JupyterFixture.Finish(python);
        Assert.True(code == 0, output + errors);
        Match ran = Regex.Match(errors, @"Ran (\d+) tests");
        Assert.True(ran.Success && int.Parse(ran.Groups[1].Value) >= 20, errors);
    }

    [JupyterFact("notebook", browser: true)]
    public async Task A_notebook_page_in_a_browser_runs_cells_and_draws_their_chart()
    {
        File.WriteAllText(Path.Combine(jupyter.Notebooks, "chart.ipynb"), Notebook.Text(
            Notebook.Code("#r \"nuget: UnetResnet.Notebooks\"\nusing Plotly.NET.CSharp;\nConsole.WriteLine(\"running\");"),
            Notebook.Code("Chart.Line<double, double, string>(new double[] { 1, 2, 3, 4 }, new double[] { 3, 1, 4, 2 })"),
            Notebook.Code("HTML(\"<b id='bold'>bold</b>\")")));
        await InBrowserAsync("chart.ipynb", async page =>
        {
            Assert.True(await page.WaitAsync("document.querySelector('#bold') && document.querySelector('.output_area img').naturalWidth > 300", TimeSpan.FromSeconds(60)), "The chart is not drawn.");
            Assert.Equal("running\n", (await page.EvaluateAsync("Jupyter.notebook.get_cell(0).output_area.outputs[0].text"))!.ToString());
            Assert.Equal("execute_result", (await page.EvaluateAsync("Jupyter.notebook.get_cell(1).output_area.outputs[0].output_type"))!.ToString());
            Assert.Equal("scatter", (await page.EvaluateAsync("Jupyter.notebook.get_cell(1).output_area.outputs[0].data['application/vnd.plotly.v1+json'].data[0].type"))!.ToString());
        });
    }

    /// <summary>Without its committed outputs, beside the build that its first lines name, and without the exercise that waits for the reader.</summary>
    [JupyterFact("notebook", browser: true)]
    public async Task Notebook_1_runs_to_its_end_on_a_page_and_draws_its_charts()
    {
        string root = Directory.GetParent(BundledFiles.Root)!.FullName;
        string artifacts = Path.Combine(Path.GetDirectoryName(jupyter.Notebooks)!, "artifacts");
        Directory.CreateSymbolicLink(artifacts, Path.Combine(root, "artifacts"));
        NotebookDocument notebook = NotebookDocument.Load(Path.Combine(root, "notebooks", "01-the-question.ipynb"));
        int cells = notebook.Cells.Count(c => c.IsCode && !c.HasTag("skip-execution"));
        int charts = notebook.Cells.Count(c => c.IsCode && !c.HasTag("skip-execution") && c.Outputs.Any(o => o?["data"]?["application/vnd.plotly.v1+json"] is not null));
        Assert.InRange(charts, 2, cells);
        foreach (NotebookCell cell in notebook.Cells.Where(c => c.IsCode)) cell.Clear();
        notebook.Save(Path.Combine(jupyter.Notebooks, "question.ipynb"));
        await InBrowserAsync("question.ipynb", async page =>
        {
            Assert.True(await page.WaitAsync($"{Run}.every(c => c.input_prompt_number > 0)", TimeSpan.FromMinutes(8)), "Not every cell has run.");
            Assert.Equal(cells.ToString(), (await page.EvaluateAsync($"{Run}.length"))!.ToString());
            Assert.Equal("0", (await page.EvaluateAsync($"{Run}.filter(c => c.output_area.outputs.some(o => o.output_type == 'error')).length"))!.ToString());
            // A picture is decoded after its cell has ended.
            Assert.True(await page.WaitAsync($"{Run}.filter(c => c.output_area.outputs.some(o => o.data && o.data['application/vnd.plotly.v1+json']) && [...c.element[0].querySelectorAll('img')].some(i => i.naturalWidth > 300)).length == {charts}", TimeSpan.FromSeconds(60)), $"The {charts} charts are not drawn.");
            await page.EvaluateAsync($"{Run}[5].element[0].scrollIntoView()"); // for the picture
        });
        Directory.Delete(artifacts);
    }

    /// <summary>Opens a notebook on a page of Jupyter Notebook and runs its cells.</summary>
    private async Task InBrowserAsync(string notebook, Func<Chromium, Task> look)
    {
        int port = FreePort();
        using Process server = jupyter.Start("/usr/bin/jupyter-notebook", "--allow-root", "--no-browser", "--ip=127.0.0.1", $"--port={port}", "--NotebookApp.token=t", "--NotebookApp.port_retries=0");
        server.BeginErrorReadLine();
        server.BeginOutputReadLine();
        try
        {
            await AnswersAsync(port);
            await using Chromium page = await Chromium.OpenAsync($"http://127.0.0.1:{port}/notebooks/{notebook}?token=t");
            Assert.True(await page.WaitAsync("Jupyter.notebook.kernel.is_connected() && Jupyter.notebook.kernel.info_reply.protocol_version", TimeSpan.FromSeconds(60)), "The kernel is not connected.");
            await page.EvaluateAsync($"{Run}.forEach(c => c.execute())");
            await look(page);
            if (Environment.GetEnvironmentVariable("KERNEL_SCREENSHOT") is { } folder) await File.WriteAllBytesAsync(Path.Combine(folder, notebook + ".png"), await page.ScreenshotAsync());
            await page.EvaluateAsync("new Promise(done => Jupyter.notebook.session.delete(done, done))");
        }
        finally
        {
            using (Process kill = Process.Start("kill", ["-TERM", $"{server.Id}"])) kill.WaitForExit();
            if (!server.WaitForExit(TimeSpan.FromSeconds(20))) server.Kill(entireProcessTree: true);
        }
    }

    private static async Task AnswersAsync(int port)
    {
        using var http = new HttpClient();
        for (int attempt = 0; ; attempt++)
        {
            try
            {
                using HttpResponseMessage answer = await http.GetAsync($"http://127.0.0.1:{port}/api?token=t");
                return;
            }
            catch (HttpRequestException) when (attempt < 100)
            {
                await Task.Delay(300);
            }
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
