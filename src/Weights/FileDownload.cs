using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Security.Cryptography;
using UnetResnet.Runtime;

namespace UnetResnet.Weights;

/// <summary>Fetches one file over HTTP: into <c>path.part</c>, under the lock <c>path.lock</c>, and to <c>path</c> when the checksum is right.</summary>
internal sealed class FileDownload(PretrainedWeights file, string path, DownloadOptions options, IProgress<DownloadProgress>? progress)
{
    private const int MaximumRedirects = 5;

    private static readonly TimeSpan LockPolling = TimeSpan.FromMilliseconds(100);

    private readonly string partPath = path + ".part";
    private long reported = -1;

    /// <exception cref="WeightsException">The file could not be downloaded.</exception>
    internal async Task RunAsync(CancellationToken cancellation)
    {
        try
        {
            PrivateFiles.CreateFolder(Path.GetDirectoryName(Path.GetFullPath(path))!);
            // The file of the lock stays: to delete it would let a third process lock another file of the same name.
            await using FileStream held = await LockAsync(path + ".lock", cancellation);
            if (file.IsIntact(path)) return;
            using HttpClient client = Client();
            await AttemptsAsync(client, cancellation);
            File.Move(partPath, path, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or HttpRequestException)
        {
            throw file.Failed(path, e.Message, e);
        }
    }

    /// <summary>Redirects are followed in <see cref="AskAsync"/>, where each is judged and a refusal can be explained.</summary>
    private HttpClient Client() => new(new SocketsHttpHandler { AllowAutoRedirect = false, ConnectTimeout = options.StallTime }) { Timeout = Timeout.InfiniteTimeSpan };

    private async Task AttemptsAsync(HttpClient client, CancellationToken cancellation)
    {
        for (int attempt = 0; ; attempt++)
        {
            try
            {
                await AttemptAsync(client, cancellation);
                return;
            }
            catch (Exception e) when (attempt < options.Retries && MayPass(e))
            {
                await Task.Delay(options.RetryDelay * (1 << attempt), cancellation);
            }
        }
    }

    /// <summary>Broken connections, stalls and busy servers pass. A name that nobody knows, a refused certificate and a full disk do not.</summary>
    private static bool MayPass(Exception e) =>
        e is HttpRequestException { HttpRequestError: not (HttpRequestError.NameResolutionError or HttpRequestError.SecureConnectionError) } or HttpIOException or InterruptedException or IOException { InnerException: SocketException };

    private async Task AttemptAsync(HttpClient client, CancellationToken cancellation)
    {
        await using FileStream part = PrivateFiles.Open(partPath, FileShare.Read);
        using var md5 = IncrementalHash.CreateHash(HashAlgorithmName.MD5);
        if (part.Length > file.Bytes) part.SetLength(0);
        await HashAsync(part, md5, cancellation);
        bool resumed = part.Length > 0;
        if (part.Length < file.Bytes) resumed = await FetchAsync(client, part, md5, cancellation);

        string found = Convert.ToHexString(md5.GetHashAndReset());
        if (found.Equals(file.Md5, StringComparison.OrdinalIgnoreCase))
        {
            part.Flush(flushToDisk: true);
            return;
        }

        part.SetLength(0);
        // Two halves of different files: once more from the beginning.
        if (resumed) throw new InterruptedException("the parts of several attempts do not fit together");
        throw file.Failed(path, $"what the server sent has the MD5 {found.ToLowerInvariant()} instead of {file.Md5}, so it is another file");
    }

    /// <summary>Asks for what is missing and appends it.</summary>
    /// <returns>Whether the part that was there was kept.</returns>
    private async Task<bool> FetchAsync(HttpClient client, FileStream part, IncrementalHash md5, CancellationToken cancellation)
    {
        using var stall = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        try
        {
            stall.CancelAfter(options.StallTime);
            using HttpResponseMessage response = await AskAsync(client, part.Length, stall.Token);
            bool resumes = Resumes(response, part);
            if (!resumes && part.Length > 0)
            {
                part.SetLength(0);
                md5.GetHashAndReset();
            }

            if (response.Content.Headers.ContentLength is { } announced && part.Length + announced != file.Bytes)
                throw file.Failed(path, $"the server announces {part.Length + announced} bytes and the file has {file.Bytes}: it is another file, perhaps a page to log in");
            await using Stream content = await response.Content.ReadAsStreamAsync(stall.Token);
            var buffer = new byte[1 << 16];
            long due = part.Length;
            while (true)
            {
                // A server that drips stalls too.
                if (part.Length >= due)
                {
                    stall.CancelAfter(options.StallTime);
                    due = part.Length + buffer.Length;
                }

                int read = await content.ReadAsync(buffer, stall.Token);
                if (read == 0) break;
                if (part.Length + read > file.Bytes)
                {
                    part.SetLength(0);
                    throw file.Failed(path, $"the server sends more than the {file.Bytes} bytes of the file");
                }

                md5.AppendData(buffer, 0, read);
                await part.WriteAsync(buffer.AsMemory(0, read), cancellation);
                Report(part.Length);
            }

            if (part.Length < file.Bytes) throw new InterruptedException($"the server ended after {part.Length} of {file.Bytes} bytes");
            return resumes;
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new InterruptedException(FormattableString.Invariant($"nothing, or next to nothing, came for {options.StallTime.TotalSeconds:0.###} s"));
        }
    }

    /// <summary>Asks for the file from a byte on and follows redirects to other web addresses.</summary>
    private async Task<HttpResponseMessage> AskAsync(HttpClient client, long from, CancellationToken cancellation)
    {
        Uri address = Checked(file.Url, "its address");
        for (int redirects = 0; ; redirects++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, address);
            if (from > 0) request.Headers.Range = new RangeHeaderValue(from, null);
            HttpResponseMessage response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation);
            if ((int)response.StatusCode is not (301 or 302 or 303 or 307 or 308) || response.Headers.Location is not { } location) return response;
            response.Dispose();
            if (redirects == MaximumRedirects) throw file.Failed(path, $"it is redirected more than {MaximumRedirects} times");
            address = Redirected(address, location);
        }
    }

    /// <summary>Where a redirect leads.</summary>
    /// <param name="address">The address that was asked.</param>
    /// <param name="location">What it answered; may be relative.</param>
    /// <exception cref="WeightsException">It leads to no web address, or out of encryption, which no option allows.</exception>
    internal Uri Redirected(Uri address, Uri location)
    {
        Uri next = Checked(new Uri(address, location), $"{address} redirects to a place that");
        if (address.Scheme == Uri.UriSchemeHttps && next.Scheme != Uri.UriSchemeHttps) throw file.Failed(path, $"{address} redirects from https to http ({next}), where anybody on the way can read and change what is sent");
        return next;
    }

    /// <exception cref="WeightsException">The address is no web address, or an unencrypted one that nobody has allowed.</exception>
    private Uri Checked(Uri address, string what)
    {
        if (address.Scheme == Uri.UriSchemeHttps || (address.Scheme == Uri.UriSchemeHttp && options.AllowHttp)) return address;
        throw file.Failed(path, address.Scheme == Uri.UriSchemeHttp
            ? $"{what} begins with http:// ({address}), where anybody on the way can read and change what is sent. Use an https:// address, or set {nameof(DownloadOptions.AllowHttp)} (lab: --allow-http)"
            : $"{what} begins with {address.Scheme}: ({address}); expected https://");
    }

    /// <summary>Whether the answer goes on where the part ends; false for the whole file.</summary>
    private bool Resumes(HttpResponseMessage response, FileStream part)
    {
        switch ((int)response.StatusCode)
        {
            case 206 when part.Length > 0 && response.Content.Headers.ContentRange?.From == part.Length:
                return true;
            case 200:
                return false;
            case 206 or 416:
                part.SetLength(0);
                throw new InterruptedException("the server does not go on where the last attempt ended");
            case 408 or 429 or >= 500:
                throw new InterruptedException($"the server answers {(int)response.StatusCode} {response.ReasonPhrase}");
            default:
                throw file.Failed(path, $"the server answers {(int)response.StatusCode} {response.ReasonPhrase}");
        }
    }

    private static async Task HashAsync(FileStream part, IncrementalHash md5, CancellationToken cancellation)
    {
        var buffer = new byte[1 << 16];
        int read;
        while ((read = await part.ReadAsync(buffer, cancellation)) > 0) md5.AppendData(buffer, 0, read);
    }

    private void Report(long bytes)
    {
        long hundredth = 100 * bytes / file.Bytes;
        if (hundredth == reported) return;
        reported = hundredth;
        progress?.Report(new DownloadProgress(bytes, file.Bytes));
    }

    /// <summary>Waits for whoever else downloads the same file; the operating system gives the lock back when a process dies.</summary>
    private static async Task<FileStream> LockAsync(string lockPath, CancellationToken cancellation)
    {
        while (true)
        {
            try
            {
                return PrivateFiles.Open(lockPath, FileShare.None);
            }
            catch (IOException e) when (IsSharing(e))
            {
                await Task.Delay(LockPolling, cancellation);
            }
        }
    }

    /// <summary>ERROR_SHARING_VIOLATION, and EWOULDBLOCK of Linux and macOS.</summary>
    private static bool IsSharing(IOException e) => OperatingSystem.IsWindows() ? (e.HResult & 0xFFFF) == 32 : e.HResult == (OperatingSystem.IsMacOS() ? 35 : 11);

    /// <summary>An attempt ended before the file did.</summary>
    private sealed class InterruptedException(string message) : IOException(message);
}
